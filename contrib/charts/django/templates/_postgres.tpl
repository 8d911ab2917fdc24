{{/* How the containers learn of the database: files, which follow when a password changes. */}}

{{- define "django.pooled" -}}
{{- $postgres := .Values.hoster.postgres -}}
{{ and (eq $postgres.source "cluster") $postgres.cluster.pooler.enabled }}
{{- end }}

{{- define "django.postgresSecret" -}}
{{- $postgres := .Values.hoster.postgres -}}
{{ if eq $postgres.source "cluster" }}{{ include "django.cluster" . }}-app
{{- else if eq $postgres.source "secret" }}{{ $postgres.secret.name }}
{{- else if eq $postgres.source "zalando" }}{{ replace "_" "-" $postgres.zalando.user }}.{{ $postgres.zalando.cluster }}.credentials.postgresql.acid.zalan.do
{{- end }}
{{- end }}

{{/* Which directory a container has. What migrates goes past the pooler, and so do
its trial, and a task with its lock and its marks. */}}
{{- define "django.databaseVolume" -}}
{{- if and (eq (include "django.pooled" .root) "true") (not (has .name (list "init" "check" "django-check" "task"))) -}}
pooler
{{- else -}}
postgres
{{- end }}
{{- end }}

{{/* For these containers. What the Secret does not say, or says otherwise, is in a ConfigMap:
Zalando's has no address; through the pooler it is another one, so that uri must not be seen. */}}
{{- define "django.postgresVolumes" -}}
{{- $root := .root }}
{{- $source := $root.Values.hoster.postgres.source }}
{{- $needed := list }}
{{- range without .containers "files" }}
{{- $needed = append $needed (include "django.databaseVolume" (dict "root" $root "name" .)) }}
{{- end }}
{{- if ne $source "none" }}
{{- range uniq $needed | sortAlpha }}
- name: {{ . }}
{{- if eq . "pooler" }}
  {{- include "django.projected" (dict "root" $root "keys" (list "dbname" "port" "username" "password")) | nindent 2 }}
{{- else if eq $source "zalando" }}
  {{- include "django.projected" (dict "root" $root "keys" (list "username" "password")) | nindent 2 }}
{{- else }}
  secret:
    secretName: {{ include "django.postgresSecret" $root | quote }}
    defaultMode: 288 # 0440
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "django.projected" -}}
projected:
  defaultMode: 288 # 0440
  sources:
    - secret:
        name: {{ include "django.postgresSecret" .root | quote }}
        items: {{ include "django.items" .keys }}
    - configMap:
        name: {{ include "django.databaseConfig" .root }}
{{- end }}

{{- define "django.items" -}}
{{- $items := list }}
{{- range . }}
{{- $items = append $items (dict "key" . "path" .) }}
{{- end }}
{{- toJson $items }}
{{- end }}
