{{/* Names, labels and annotations. What is on a pod template never says the chart's version:
two hundred apps must not restart for a label. */}}

{{- define "django.selector" -}}
app.kubernetes.io/instance: {{ quote .root.Release.Name }}
app.kubernetes.io/component: {{ quote .component }}
{{- end }}

{{- define "django.podLabels" -}}
app.kubernetes.io/name: django
{{ include "django.selector" . }}
{{- end }}

{{- define "django.labels" -}}
app.kubernetes.io/name: django
app.kubernetes.io/instance: {{ quote .Release.Name }}
app.kubernetes.io/managed-by: {{ quote .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{- end }}

{{/* For what must be there before the trial of the image: Argo CD applies it first. */}}
{{- define "django.wave" -}}
argocd.argoproj.io/sync-wave: "-2"
{{- end }}

{{/* For what holds data: neither Argo CD nor Helm removes it, whatever leaves the values. */}}
{{- define "django.kept" -}}
argocd.argoproj.io/sync-options: Prune=false,Delete=false
helm.sh/resource-policy: keep
{{- end }}

{{- define "django.claim" -}}
{{ .Values.hoster.files.existingClaim | default (printf "%s-files" .Release.Name) }}
{{- end }}

{{/* A command among Kubernetes' own words: $(NAME) stays as it is. */}}
{{- define "django.literal" -}}
{{ replace "$" "$$" . }}
{{- end }}

{{/* A ConfigMap is called by what it says: the old pod keeps its own until it goes, also if the trial
of the new image fails, and a change is a new pod. */}}
{{- define "django.configName" -}}
{{ .Release.Name }}-config-{{ sha256sum .Values.app.config | trunc 8 }}
{{- end }}

{{- define "django.fileServerName" -}}
{{ .Release.Name }}-file-server-{{ include "django.nginx" . | sha256sum | trunc 8 }}
{{- end }}

{{- define "django.sum" -}}
{{ toJson . | sha256sum }}
{{- end }}
