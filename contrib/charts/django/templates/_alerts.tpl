{{/* The alerts: JSON, a list each. Written for whoever is called at night: what is broken for
whom, and where to look first. root, facts. Series beginning with pidone_ are pidone's own, kube_
kube-state-metrics', kubelet_ the kubelet's, cnpg_ and barman_ the database's. */}}

{{- define "django.siteAlerts" -}}
{{- $root := .root }}
{{- $alerts := .root.Values.hoster.monitoring.alerts }}
{{- $app := .root.Release.Name }}
{{- $namespace := .root.Release.Namespace }}
{{- $in := printf "kubectl -n %s" $namespace }}
{{- $job := include "django.job" (dict "root" .root "name" $app) }}
{{- $site := include "django.matchers" (dict "root" .root "job" $job "container" "run") }}
{{- $deployment := include "django.matchers" (dict "root" .root "deployment" $app) }}
{{- $roles := list "run" }}
{{- $workers := list }}
{{- range .facts.workers }}
{{- $roles = append $roles .name }}
{{- $workers = append $workers .name }}
{{- end }}
{{- $pods := include "django.podNames" (dict "root" .root "workers" .facts.workers) }}
{{- $containers := include "django.matchers" (dict "root" .root "pod" $pods "container" (join "|" (append $roles "files")) "~" "pod container") }}
{{- $all := include "django.matchers" (dict "root" .root "job" $job) }}
{{- $found := list }}

{{- $found = append $found (include "django.alert" (dict "root" .root "name" "DjangoSiteDown" "severity" "critical" "for" $alerts.notReadyFor
  "expr" (printf `max by (namespace) (kube_deployment_status_replicas_available{%s} == 0 and on (namespace, deployment) kube_deployment_spec_replicas{%s} > 0) or max by (namespace) (pidone_ready{%s}) == 0` $deployment $deployment $site)
  "summary" (printf "The site %s in %s answers nobody" $app $namespace)
  "description" (printf "No pod of the site has been ready for %s: its visitors get the error page of the Ingress or Gateway. `%s get pods -l app.kubernetes.io/instance=%s,app.kubernetes.io/component=site` shows whether it is scheduled, in /init, or running; of a running one `%s logs deploy/%s -c run` says for what it waits. When that is postgres, look at the database first." $alerts.notReadyFor $in $app $in $app))) }}

{{- if $workers }}
{{- $found = append $found (include "django.alert" (dict "root" .root "name" "DjangoWorkerDown" "severity" "warning" "for" $alerts.notReadyFor
  "expr" (printf `max by (namespace, container) (pidone_ready{%s}) == 0` (include "django.matchers" (dict "root" .root "job" $job "container" (join "|" $workers) "~" "container")))
  "summary" (printf "The worker <container> of %s in %s does not work" $app $namespace)
  "description" (printf "None of its containers has been ready for %s. The site answers, but what it hands on is not done: mails, reports, scheduled tasks. `%s logs -l app.kubernetes.io/instance=%s -c <container>` says for what it waits, a broker for instance." $alerts.notReadyFor $in $app))) }}
{{- end }}

{{- $found = append $found (include "django.alert" (dict "root" .root "name" "DjangoCrashLoop" "severity" "warning"
  "expr" (printf `sum by (namespace, pod, container) (increase(kube_pod_container_status_restarts_total{%s}[30m])) > 3 or sum by (namespace, pod, container) (increase(pidone_restarts_total{%s}[30m])) > 3` $containers $all)
  "summary" (printf "<container> of %s in %s ends again and again" $app $namespace)
  "description" (printf "It was started more than three times in half an hour. `%s describe pod <pod>` has the reason of the last end (OOMKilled: hoster.resources.%s.limits.memory is too low for it), `%s logs <pod> -c <container> --previous` the last words." $in "<container>" $in))) }}

{{- if .root.Values.app.init.enabled }}
{{- $found = append $found (include "django.alert" (dict "root" .root "name" "DjangoInitFails" "severity" "warning"
  "expr" (printf `sum by (namespace, pod) (increase(kube_pod_init_container_status_restarts_total{%s}[1h])) > 2` (include "django.matchers" (dict "root" .root "pod" $pods "container" "init" "~" "pod")))
  "summary" (printf "/init of %s in %s fails again and again" $app $namespace)
  "description" (printf "A new pod does not come up, since its migrations or another step end with an error. Where updates roll, the pods before it go on serving; otherwise the site is down. `%s logs <pod> -c init --previous` names the step. The customer mends it by a new image, or by going back to the one before." $in))) }}

{{- $found = append $found (include "django.alert" (dict "root" .root "name" "DjangoLockWait" "severity" "warning" "for" $alerts.lockWait
  "expr" (printf `pidone_state{%s,state="locking"} == 1 and on (namespace, pod, container) pidone_role_info{%s,role="/init"} == 1` $all $all)
  "summary" (printf "/init of %s in %s waits for another one" $app $namespace)
  "description" (printf "The pod <pod> has waited for %s for the lock that lets one /init at a time change the database. Somebody else holds it: a longer migration, which may be as it should, or a container that hangs. `%s logs <pod> -c <container>` says who." $alerts.lockWait $in))) }}
{{- end }}

{{- if .facts.recreate }}
{{- $found = append $found (include "django.alert" (dict "root" .root "name" "DjangoPreflightFailed" "severity" "warning"
  "expr" (printf `max by (namespace, job_name) (kube_job_failed{%s} == 1)` (include "django.matchers" (dict "root" .root "job_name" (printf "%s-preflight(-[a-z0-9]+)?" $app) "condition" "true" "~" "job_name")))
  "summary" (printf "The new release of %s in %s was not let in" $app $namespace)
  "description" (printf "Its trial has failed, so the release before it goes on serving: nobody else notices. `%s logs job/<job_name> --all-containers` says why: a missing setting, a migration, an image that does not start. It is the customer's to mend; a new commit tries again." $in))) }}
{{- end }}

{{- $claims := list }}
{{- if .facts.files }}
{{- $claims = append $claims (include "django.claim" .root | trim) }}
{{- end }}
{{- if eq .root.Values.hoster.postgres.source "cluster" }}
{{- $claims = append $claims (printf "%s-[0-9]+(-wal)?" (include "django.cluster" .root)) }}
{{- end }}
{{- if $claims }}
{{- $volume := include "django.matchers" (dict "root" .root "persistentvolumeclaim" (join "|" $claims | replace "." "\\.") "~" "persistentvolumeclaim") }}
{{- $found = append $found (include "django.alert" (dict "root" .root "name" "DjangoVolumeFull" "severity" "warning" "for" "10m"
  "expr" (printf `max by (namespace, persistentvolumeclaim) (100 - 100 * kubelet_volume_stats_available_bytes{%[1]s} / kubelet_volume_stats_capacity_bytes{%[1]s}) > %[2]d or max by (namespace, persistentvolumeclaim) (100 * kubelet_volume_stats_inodes_used{%[1]s} / kubelet_volume_stats_inodes{%[1]s}) > %[2]d` $volume (int $alerts.diskPercent))
  "summary" (printf "The volume <persistentvolumeclaim> of %s in %s is <value> %% full" $app $namespace)
  "description" (printf "Full, it stops uploads (%s-files) or the whole database (%s-db-…). To let it grow, write a greater hoster.files.size, hoster.postgres.cluster.size or walSize in the hoster's file. A volume of the write-ahead log that fills by itself is an archive that fails: look for DjangoWALArchiveFails." $app $app))) }}
{{- end }}
{{- printf "[%s]" (join "," $found) }}
{{- end }}

{{- define "django.databaseAlerts" -}}
{{- $alerts := .root.Values.hoster.monitoring.alerts }}
{{- $postgres := .root.Values.hoster.postgres.cluster }}
{{- $cluster := include "django.cluster" .root }}
{{- $in := printf "kubectl -n %s" .root.Release.Namespace }}
{{- $all := include "django.matchers" (dict "root" .root "job" (include "django.job" (dict "root" .root "name" $cluster))) }}
{{- $where := printf "%s in %s" .root.Release.Name .root.Release.Namespace }}
{{- $found := list }}
{{- if $postgres.backup.objectStore }}
{{- $age := include "django.seconds" $alerts.backupAge }}
{{- $last := printf "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{%s}" $all }}
{{- $found = append $found (include "django.alert" (dict "root" .root "name" "DjangoBackupOld" "severity" "critical" "for" "1h"
  "expr" (printf `time() - max by (namespace) (%s) > %s or max by (namespace) (absent(%s))` $last $age $last)
  "summary" (printf "The database of %s has no backup of the last %s" $where $alerts.backupAge)
  "description" (printf "Either backups fail, or nobody says when the last one was made. `%s get backups` lists them with their errors, `%s describe scheduledbackup %s` says when the next is due, and `%s get objectstore %s -o yaml` where they go: a bucket that is full, or credentials that have expired." $in $in $cluster $in $postgres.backup.objectStore))) }}

{{- $found = append $found (include "django.alert" (dict "root" .root "name" "DjangoWALArchiveFails" "severity" "critical" "for" "15m"
  "expr" (printf `max by (namespace, pod) (cnpg_pg_stat_archiver_last_failed_time{%[1]s} - cnpg_pg_stat_archiver_last_archived_time{%[1]s} > 0 and on (namespace, pod) cnpg_pg_replication_in_recovery{%[1]s} == 0)` $all)
  "summary" (printf "The database of %s cannot archive what it writes" $where)
  "description" (printf "Since then nothing can be restored beyond the last backup, and what waits to be archived fills the volume until the database stops. `%s logs <pod> -c plugin-barman-cloud` has the error; the ObjectStore is %s." $in $postgres.backup.objectStore))) }}
{{- end }}
{{- if gt (int $postgres.instances) 1 }}
{{- $found = append $found (include "django.alert" (dict "root" .root "name" "DjangoStandbyMissing" "severity" "warning" "for" "15m"
  "expr" (printf `max by (namespace) (cnpg_pg_replication_streaming_replicas{%s}) < %d` $all (sub (int $postgres.instances) 1))
  "summary" (printf "The database of %s has a standby less than it should" $where)
  "description" (printf "<value> are connected instead of %d: the next failure may be one too many. `%s get pods -l cnpg.io/cluster=%s` shows which one is missing, `%s describe cluster %s` why." (sub (int $postgres.instances) 1) $in $cluster $in $cluster))) }}

{{- $found = append $found (include "django.alert" (dict "root" .root "name" "DjangoStandbyLate" "severity" "warning" "for" "10m"
  "expr" (printf `max by (namespace, pod) (cnpg_pg_replication_lag{%s}) > %s` $all (include "django.seconds" $alerts.replicationLag))
  "summary" (printf "A standby of the database of %s is <value> s behind" $where)
  "description" (printf "If the primary failed now, a failover would take long, or lose what <pod> has not got. A slow disk or network, or a long query on the standby; `%s logs <pod> -c postgres` and the node's load say which." $in))) }}
{{- end }}
{{- printf "[%s]" (join "," $found) }}
{{- end }}
