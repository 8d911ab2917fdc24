{{/* The pod of a CronJob or a one-off Job: one container. root, facts, component (cron or task),
role or command, env, files, migrates: whether /init comes first. */}}
{{- define "django.jobPod" -}}
metadata:
  {{- include "django.podMetadata" . | trim | nindent 2 }}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 30
  {{- include "django.podSettings" . | trim | nindent 2 }}
  {{- if and .files .facts.recreate }}
  # the volume is on one node: the site's
  affinity:
    podAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        - topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "django.selector" (dict "root" .root "component" "site") | trim | nindent 14 }}
  {{- end }}
  {{- with include "django.initContainers" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  containers:
    {{- $env := .env | default dict }}
    {{- $args := prepend (.command | default list) "--" }}
    {{- if .role }}
    {{- $args = list (print "/" .role) }}
    {{- $env = merge (dict (printf "PIDONE_%s_STOP_GRACE" (upper .role)) "20s") $env }}
    {{- end }}
    {{- include "django.container" (merge (dict "name" .component "args" $args "env" $env) .) | trim | nindent 4 }}
  {{- include "django.volumes" (merge (dict "containers" (list .component)) .) | trim | nindent 2 }}
{{- end }}

{{/* A node that is drained is nobody's failure. */}}
{{- define "django.jobFailures" -}}
backoffLimit: 0
podFailurePolicy:
  rules:
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
{{- end }}

{{/* A command as the text of a pidone.ini: each word in single quotes. */}}
{{- define "django.text" -}}
{{- $words := list }}
{{- range . }}
{{- $words = append $words (printf "'%s'" (replace "'" "'\\''" .)) }}
{{- end }}
{{- join " " $words }}
{{- end }}
