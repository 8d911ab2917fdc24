{{/* What the schema cannot say of the hoster's file: values that need each other, or exclude each
other. JSON: a sentence each, with the key, and what to write instead. */}}

{{- define "django.validateHoster" -}}
{{- $found := list }}
{{- range list "django.wrongSource" "django.wrongImport" "django.wrongBackup" "django.wrongNetwork" }}
{{- $found = concat $found (include . $ | fromJsonArray) }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* Keys of the source that is not chosen would be read by nobody. */}}
{{- define "django.wrongSource" -}}
{{- $postgres := .Values.hoster.postgres }}
{{- $source := $postgres.source }}
{{- $found := list }}
{{- if and (eq $source "secret") (not $postgres.secret.name) }}
{{- $found = append $found "hoster.postgres.secret.name is empty, and hoster.postgres.source is secret: write the name of the Secret that has uri, or host, port, dbname, username and password; or source: cluster, for a database that this chart makes" }}
{{- else if and (ne $source "secret") $postgres.secret.name }}
{{- $found = append $found (printf "hoster.postgres.secret.name is %s, but hoster.postgres.source is %s, so nobody reads it: write source: secret, or leave the name out" $postgres.secret.name $source) }}
{{- end }}
{{- range $key := list "cluster" "user" "database" }}
{{- $value := index $postgres.zalando $key }}
{{- if and (eq $source "zalando") (not $value) }}
{{- $found = append $found (printf "hoster.postgres.zalando.%s is empty, and hoster.postgres.source is zalando: write what the manifest of kind postgresql says (%s)" $key
  (dict "cluster" "metadata.name" "user" "a key of spec.users" "database" "a key of spec.databases" | dig $key "")) }}
{{- else if and (ne $source "zalando") $value }}
{{- $found = append $found (printf "hoster.postgres.zalando.%s is %s, but hoster.postgres.source is %s, so nobody reads it: write source: zalando, or leave it out" $key $value $source) }}
{{- end }}
{{- end }}
{{- if and $postgres.cluster.pooler.enabled (ne $source "cluster") }}
{{- $found = append $found (printf "hoster.postgres.cluster.pooler.enabled is true, but hoster.postgres.source is %s, and only a database of this chart gets a pooler: write enabled: false, or source: cluster" $source) }}
{{- end }}
{{- $image := $postgres.cluster.imageName }}
{{- if and $image (not (regexMatch ":[^/@]*[0-9][^/]*$" (regexReplaceAll "@.*$" $image ""))) }}
{{- $found = append $found (printf "hoster.postgres.cluster.imageName '%s' has no version, and the operator reads the version of PostgreSQL from it: write it between name and digest, …/postgresql:17.6@sha256:…" $image) }}
{{- end }}
{{- range $key, $value := dict "import.host" $postgres.cluster.import.host "recovery.serverName" $postgres.cluster.recovery.serverName }}
{{- if and $value (ne $source "cluster") }}
{{- $found = append $found (printf "hoster.postgres.cluster.%s is %s, but hoster.postgres.source is %s, so no database is filled from it: write source: cluster, or leave it out" $key $value $source) }}
{{- end }}
{{- end }}
{{- include "django.hosterSentences" $found }}
{{- end }}

{{- define "django.wrongImport" -}}
{{- $cluster := .Values.hoster.postgres.cluster }}
{{- $import := $cluster.import }}
{{- $found := list }}
{{- range $key, $what := dict "database" "the database on the old server" "user" "a user that may read all of it" "passwordSecret" "an existing Secret of this namespace whose key password is this user's" }}
{{- $value := index $import $key }}
{{- if and $import.host (not $value) }}
{{- $found = append $found (printf "hoster.postgres.cluster.import.%s is empty, and import.host is %s: write %s, or leave host out for an empty database" $key $import.host $what) }}
{{- else if and $value (not $import.host) }}
{{- $found = append $found (printf "hoster.postgres.cluster.import.%s is %s, but import.host is empty, so nothing is imported: write the old server's name there, or leave %s out" $key $value $key) }}
{{- end }}
{{- end }}
{{- if and $import.host $cluster.recovery.serverName }}
{{- $found = append $found "hoster.postgres.cluster.import.host and recovery.serverName are both there, and a database begins once: leave one of them out" }}
{{- end }}
{{- $verifies := hasPrefix "verify-" $import.sslMode }}
{{- if and $import.host $verifies (not $import.caSecret) }}
{{- $found = append $found (printf "hoster.postgres.cluster.import.caSecret is empty, and sslMode is %s: write the name of a Secret whose key ca.crt has the certificate of who signed the old server's; or sslMode: require, which encrypts and verifies nothing" $import.sslMode) }}
{{- else if and $import.caSecret (not $verifies) }}
{{- $found = append $found (printf "hoster.postgres.cluster.import.caSecret is %s, but sslMode is %s, which verifies nothing: write sslMode: verify-full, or leave caSecret out" $import.caSecret $import.sslMode) }}
{{- end }}
{{- include "django.hosterSentences" $found }}
{{- end }}

{{- define "django.wrongBackup" -}}
{{- $cluster := .Values.hoster.postgres.cluster }}
{{- $recovery := $cluster.recovery }}
{{- $found := list }}
{{- if and $recovery.serverName (not $cluster.backup.objectStore) }}
{{- $found = append $found (printf "hoster.postgres.cluster.backup.objectStore is empty, and recovery.serverName is %s: write the name of the ObjectStore that has this folder" $recovery.serverName) }}
{{- end }}
{{- if and $recovery.targetTime (not $recovery.serverName) }}
{{- $found = append $found (printf "hoster.postgres.cluster.recovery.targetTime is %s, but recovery.serverName is empty, so nothing is restored: write the folder to restore from, usually the name of the Cluster that it was" $recovery.targetTime) }}
{{- end }}
{{- if and $cluster.backup.serverName (not $cluster.backup.objectStore) }}
{{- $found = append $found (printf "hoster.postgres.cluster.backup.serverName is %s, but backup.objectStore is empty, so there are no backups: write the name of an ObjectStore there, or leave serverName out" $cluster.backup.serverName) }}
{{- end }}
{{- $archive := include "django.archive" . }}
{{- if and $recovery.serverName (eq $recovery.serverName $archive) }}
{{- $found = append $found (printf "hoster.postgres.cluster.recovery.serverName is %s, and so is the folder for the new backups, but a restored database must not write among those it came from: write another one as hoster.postgres.cluster.backup.serverName, %s-2 for instance" $archive $archive) }}
{{- end }}
{{- include "django.hosterSentences" $found }}
{{- end }}

{{- define "django.wrongNetwork" -}}
{{- $network := .Values.hoster.network }}
{{- $found := list }}
{{- range $i, $rule := $network.egress }}
{{- if not $rule.to }}
{{- $found = append $found (printf "hoster.network.egress[%d].to is empty, which means anywhere: write whom, for instance [{podSelector: {matchLabels: {app: redis}}}]" $i) }}
{{- end }}
{{- end }}
{{- if and $network.policy (eq .Values.hoster.postgres.source "cluster") (not $network.databaseOperator) }}
{{- $found = append $found "hoster.network.databaseOperator is empty, so that CloudNativePG could not reach the database that it shall run: write where its pods are, or leave the key out for those in cnpg-system" }}
{{- end }}
{{- include "django.hosterSentences" $found }}
{{- end }}

{{/* list SENTENCE…: JSON */}}
{{- define "django.hosterSentences" -}}
{{- $found := list }}
{{- range . }}
{{- $found = append $found (print "the hoster's file: " .) }}
{{- end }}
{{- toJson $found }}
{{- end }}
