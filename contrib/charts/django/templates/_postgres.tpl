{{/* How the containers learn of the database: files, which follow when a password changes. */}}

{{- define "django.pooled" -}}
{{- $postgres := .Values.hoster.postgres -}}
{{ and (eq $postgres.source "cluster") $postgres.cluster.pooler.enabled }}
{{- end }}

{{- define "django.postgresSecret" -}}
{{- $postgres := .Values.hoster.postgres -}}
{{ if eq $postgres.source "cluster" }}{{ .Release.Name }}-db-app
{{- else if eq $postgres.source "secret" }}{{ $postgres.secret.name }}
{{- else if eq $postgres.source "zalando" }}{{ replace "_" "-" $postgres.zalando.user }}.{{ $postgres.zalando.cluster }}.credentials.postgresql.acid.zalan.do
{{- end }}
{{- end }}

{{/* What the Secret does not say, or says otherwise: Zalando's has no address; through the pooler
it is another one, so that uri must not be seen. */}}
{{- define "django.postgresVolumes" -}}
{{- $source := .Values.hoster.postgres.source }}
{{- $secret := include "django.postgresSecret" . }}
{{- if eq $source "zalando" }}
- name: postgres
  projected:
    defaultMode: 288 # 0440
    sources:
      - secret:
          name: {{ quote $secret }}
          items: {{ include "django.items" (list "username" "password") }}
      - configMap:
          name: {{ .Release.Name }}-database
{{- else if ne $source "none" }}
- name: postgres
  secret:
    secretName: {{ quote $secret }}
    defaultMode: 288 # 0440
{{- end }}
{{- if eq (include "django.pooled" .) "true" }}
- name: pooler
  projected:
    defaultMode: 288 # 0440
    sources:
      - secret:
          name: {{ quote $secret }}
          items: {{ include "django.items" (list "dbname" "port" "username" "password") }}
      - configMap:
          name: {{ .Release.Name }}-database
{{- end }}
{{- end }}

{{- define "django.items" -}}
{{- $items := list }}
{{- range . }}
{{- $items = append $items (dict "key" . "path" .) }}
{{- end }}
{{- toJson $items }}
{{- end }}
