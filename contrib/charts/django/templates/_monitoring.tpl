{{/* The pieces of PodMonitor and PrometheusRule, see monitoring.yaml. */}}

{{/* metadata with the labels by which Prometheus finds it. */}}
{{- define "django.monitored" -}}
{{- $labels := include "django.labels" .root | fromYaml }}
metadata:
  name: {{ quote .name }}
  labels: {{ merge (dict) .root.Values.hoster.monitoring.labels $labels | toJson }}
{{- end }}

{{/* What Prometheus' operator calls the targets of a PodMonitor. */}}
{{- define "django.job" -}}
{{ .root.Release.Namespace }}/{{ .name }}
{{- end }}

{{/* A port of the app's pods. Targets are named by ports, and a pod's address is one: while /init
runs, the port of /run is its own, and afterwards it is the other way round. Each is asked only in
its phase, so that no series is there twice, and no target is down that nobody misses. */}}
{{- define "django.endpoint" -}}
{{- $keep := dict "action" "keep" "sourceLabels" (list "__meta_kubernetes_pod_phase" "__meta_kubernetes_pod_label_app_kubernetes_io_component") "regex" .phase }}
{{- $component := dict "sourceLabels" (list "__meta_kubernetes_pod_label_app_kubernetes_io_component") "targetLabel" "component" }}
{{- dict "port" .port "interval" .interval "relabelings" (list $keep $component) | toJson }}
{{- end }}

{{- define "django.podMonitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
{{ include "django.monitored" . | trim }}
spec:
  selector:
    matchLabels: {{ toJson .pods }}
  podMetricsEndpoints:
  {{- range .endpoints }}
    - {{ . }}
  {{- end }}
{{- end }}

{{/* PromQL matchers: root, and label → value; "~" names those whose value is a regular expression. */}}
{{- define "django.matchers" -}}
{{- $patterns := index . "~" | default "" | splitList " " }}
{{- $found := list (printf "namespace=%q" .root.Release.Namespace) }}
{{- range omit . "root" "~" | keys | sortAlpha }}
{{- $found = append $found (printf "%s%s%q" . (ternary "=~" "=" (has . $patterns)) (index $ .)) }}
{{- end }}
{{- join "," $found }}
{{- end }}

{{/* 36h → 129600 */}}
{{- define "django.seconds" -}}
{{- $unit := dict "s" 1 "m" 60 "h" 3600 "d" 86400 }}
{{- mul (regexFind "^[0-9]+" . | int) (index $unit (regexFind "[smhd]$" .)) }}
{{- end }}

{{/* A text of an alert: <pod> stands for the label pod of what fired, <value> for its value. */}}
{{- define "django.alertText" -}}
{{- $text := replace "<value>" "{{ $value | printf \"%.0f\" }}" . }}
{{- regexReplaceAll "<([a-z_]+)>" $text "{{ $$labels.${1} }}" }}
{{- end }}

{{/* An alert: root, name, severity, for (may be missing), expr, summary, description. */}}
{{- define "django.alert" -}}
{{- $alerts := .root.Values.hoster.monitoring.alerts }}
{{- $labels := merge (dict) $alerts.labels (dict "app" .root.Release.Name "namespace" .root.Release.Namespace "severity" .severity) }}
{{- $alert := dict "alert" .name "expr" (.expr | trim) "labels" $labels
  "annotations" (dict "summary" (include "django.alertText" .summary)
    "description" (include "django.alertText" .description)) }}
{{- if .for }}
{{- $_ := set $alert "for" .for }}
{{- end }}
{{- toRawJson $alert }}
{{- end }}

{{/* Names of the pods of a Deployment, as a regular expression: its name, the ReplicaSet's hash,
and five more. Kubernetes cuts after 58 characters, so the last hyphen may be missing. */}}
{{- define "django.podNames" -}}
{{- $names := list .root.Release.Name }}
{{- range .workers }}
{{- if not .shared }}
{{- $names = append $names (printf "%s-%s" $.root.Release.Name .name) }}
{{- end }}
{{- end }}
{{- printf "(%s)-[a-z0-9]+(-[a-z0-9]{5})?" (join "|" $names) }}
{{- end }}
