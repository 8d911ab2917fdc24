{{- /* Names, labels, and the one way to refuse values. */ -}}

{{- define "tenant.namespace" -}}
{{ .Values.namespace.name | default .Values.customer }}
{{- end -}}

{{- /* The hoster's file, as it is called in contrib/gitops/hoster. */ -}}
{{- define "tenant.file" -}}
tenants/{{ .Values.customer | default "CUSTOMER" }}.yaml of the hoster's repository
{{- end -}}

{{- /* list . KEY SENTENCE: ends the rendering. */ -}}
{{- define "tenant.refuse" -}}
{{- fail (printf "\n\n%s: %s\nChange it in %s.\n" (index . 1) (index . 2) (include "tenant.file" (index . 0))) -}}
{{- end -}}

{{- define "tenant.labels" -}}
app.kubernetes.io/name: django-tenant
app.kubernetes.io/instance: {{ .Values.customer | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{- /* metadata of a namespaced object: list . NAME */ -}}
{{- define "tenant.metadata" -}}
{{- $ := index . 0 -}}
name: {{ index . 1 | quote }}
namespace: {{ include "tenant.namespace" $ | quote }}
labels:
  {{- include "tenant.labels" $ | nindent 2 }}
{{- end -}}

{{- define "tenant.credentials" -}}
tenant-{{ .Values.backup.name }}-credentials
{{- end -}}
