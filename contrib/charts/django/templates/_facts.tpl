{{/* What follows from the values: decided here, once, and read everywhere as
(include "django.facts" . | fromJson). */}}

{{- define "django.facts" -}}
{{- include "django.validate" . }}
{{- $app := .Values.app }}
{{- $hoster := .Values.hoster }}
{{- $files := ne $app.files.mountPath "" }}
{{- $recreate := and $files (ne $hoster.files.accessMode "ReadWriteMany") }}
{{- $drain := ternary 0 10 $recreate }}
{{- if not (kindIs "string" $app.run.drain) }}
{{- $drain = int $app.run.drain }}
{{- end }}
{{- $workers := include "django.workers" (dict "root" . "recreate" $recreate) | fromJsonArray }}
{{- $stop := int $app.run.stopGrace }}
{{- range $workers }}
{{- if .shared }}
{{- $stop = max $stop (int .stopGrace) }}
{{- end }}
{{- end }}
{{- dict "files" $files "recreate" $recreate "drain" $drain "workers" $workers
  "site" (dict "name" "run" "command" $app.run.command "stopGrace" (int $app.run.stopGrace) "port" 9480)
  "period" (include "django.period" (dict "stop" (add $drain $stop)) | int)
  "fileServer" (gt (len $app.files.urls) 0)
  "image" (include "django.image" $app.image)
  "pullPolicy" (ternary "IfNotPresent" "Always" (ne (include "django.release" $app.image) ""))
  | toJson }}
{{- end }}

{{/* How long Kubernetes waits before it kills. Never less than /init needs: its step has 20
seconds, and 5 more until it is killed itself. */}}
{{- define "django.period" -}}
{{ max 25 .stop | add 5 }}
{{- end }}

{{/* The roles beside the site. Where the volume belongs to one pod, they live in the site's, and a
long grace of theirs would be the site's downtime. */}}
{{- define "django.workers" -}}
{{- $app := .root.Values.app }}
{{- $found := list }}
{{- $port := 9481 }}
{{- $names := keys $app.roles | sortAlpha }}
{{- if $app.async.enabled }}
{{- $names = prepend $names "async" }}
{{- end }}
{{- range $name := $names }}
{{- $role := ternary $app.async (index $app.roles $name) (eq $name "async") }}
{{- $grace := int ($role.stopGrace | default 60) }}
{{- if $.recreate }}
{{- $grace = min $grace 60 }}
{{- end }}
{{- $found = append $found (dict "name" $name "command" ($role.command | default list)
  "stopGrace" $grace "shared" $.recreate "port" $port) }}
{{- $port = add $port 1 }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{- define "django.image" -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}
{{- end }}

{{/* What tells one release from the next, if anything does. */}}
{{- define "django.release" -}}
{{ if .digest }}{{ .digest }}{{ else if .immutableTags }}{{ .tag }}{{ end }}
{{- end }}

{{/* By role, with what it falls back to. */}}
{{- define "django.resources" -}}
{{- $all := .root.Values.hoster.resources }}
{{- $found := index $all .name }}
{{- if and (not $found) (eq .name "init") }}
{{- $found = index $all "run" }}
{{- end }}
{{- $found | default (index $all "default") | default dict | toJson }}
{{- end }}

{{- define "django.replicas" -}}
{{- $stated := index .root.Values.hoster.replicas .name -}}
{{ if kindIs "invalid" $stated }}1{{ else }}{{ int $stated }}{{ end }}
{{- end }}

{{/* The sealed secrets that become environment variables, in their order. */}}
{{- define "django.envFrom" -}}
{{- $app := .Values.app }}
{{- $names := $app.envFrom }}
{{- if not $names }}
{{- range $name, $secret := $app.sealedSecrets }}
{{- if and (eq ($secret.type | default "Opaque") "Opaque") (not $secret.mountPath) }}
{{- $names = append $names $name }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $names }}
{{- end }}
