{{/* The trial: is the configuration right and each role's program there, does Django find itself
right, does /init succeed? The last of them is the pod's container, the others come before it.
Without the volume, which the old pod has. */}}
{{- define "django.preflightPod" -}}
{{- $roles := list }}
{{- $env := dict }}
{{- range prepend .facts.workers .facts.site }}
{{- $roles = append $roles (print "/" .name) }}
{{- $env = merge $env (include "django.roleEnv" (dict "role" .) | fromJson) }}
{{- end }}
{{- $trials := list (dict "name" "check" "args" (prepend $roles "check") "env" $env) }}
{{- with .root.Values.app.preflight.check }}
{{- $trials = append $trials (dict "name" "django-check" "args" (prepend . "--")) }}
{{- end }}
{{- if .root.Values.app.init.enabled }}
{{- $trials = append $trials (dict "name" "init") }}
{{- end }}
{{- $names := list }}
metadata:
  {{- include "django.podMetadata" . | trim | nindent 2 }}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 30
  {{- include "django.podSettings" . | trim | nindent 2 }}
  {{- if or .root.Values.hoster.pidone.image (gt (len $trials) 1) }}
  initContainers:
  {{- with include "django.install" . | trim }}
    {{- . | nindent 4 }}
  {{- end }}
  {{- range initial $trials }}
    {{- $names = append $names .name }}
    {{- include "django.trial" (merge . $) | trim | nindent 4 }}
  {{- end }}
  {{- end }}
  containers:
  {{- with last $trials }}
    {{- $names = append $names .name }}
    {{- include "django.trial" (merge . $) | trim | nindent 4 }}
  {{- end }}
  {{- include "django.volumes" (merge (dict "containers" $names) .) | trim | nindent 2 }}
{{- end }}

{{- define "django.trial" -}}
{{- if eq .name "init" }}
{{- include "django.init" . }}
{{- else }}
{{- include "django.container" (merge (dict "resources" "init") .) }}
{{- end }}
{{- end }}
