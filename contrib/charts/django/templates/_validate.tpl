{{- define "django.validate" -}}
{{- end }}
