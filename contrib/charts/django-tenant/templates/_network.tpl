{{- /* Rules that several NetworkPolicies have in common. Peers and rules of the values are printed
      as JSON: nothing in them can be taken for anything else. */ -}}

{{- /* list PORT…, TCP: JSON */ -}}
{{- define "tenant.ports" -}}
{{- $ports := list -}}
{{- range . -}}
{{- $ports = append $ports (dict "protocol" "TCP" "port" (int .)) -}}
{{- end -}}
{{ toJson $ports }}
{{- end -}}

{{- /* dict "addresses" (list RANGE…) "except" (list RANGE…): peers, each with the exceptions of its
      own family: JSON */ -}}
{{- define "tenant.addresses" -}}
{{- $peers := list -}}
{{- $all := .except | default list -}}
{{- range $range := .addresses -}}
{{- $except := list -}}
{{- range $all -}}
{{- if eq (contains ":" .) (contains ":" $range) -}}
{{- $except = append $except . -}}
{{- end -}}
{{- end -}}
{{- $block := dict "cidr" $range -}}
{{- if $except -}}
{{- $_ := set $block "except" $except -}}
{{- end -}}
{{- $peers = append $peers (dict "ipBlock" $block) -}}
{{- end -}}
{{ toJson $peers }}
{{- end -}}

{{- /* Pods that an operator makes: dict "root" . "name" NAME "selector" SELECTOR (JSON) "others" (list
      SELECTOR…) "ports" (list PORT…), the first of which is PostgreSQL's. With "ingress" whom they let
      in, too: the apps, "operator" PEERS and each other. */ -}}
{{- define "tenant.database" -}}
{{- $ := .root -}}
{{- $ports := include "tenant.ports" .ports -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "tenant.metadata" (list $ .name) | nindent 2 }}
spec:
  podSelector: {{ .selector }}
  policyTypes: {{ if .ingress }}[Ingress, Egress]{{ else }}[Egress]{{ end }}
  {{- if .ingress }}
  ingress:
    # the apps
    - from:
        - podSelector: {{ include "tenant.apps" $ }}
      ports: {{ include "tenant.ports" (list (first .ports)) }}
    # each other: replication, poolers, and whether the others are alive
    - from:
        {{- range .others }}
        - podSelector: {{ . }}
        {{- end }}
      ports: {{ $ports }}
    {{- with .operator }}
    - from: {{ toJson . }}
      ports: {{ $ports }}
    {{- end }}
  {{- end }}
  egress:
    - to:
        {{- range .others }}
        - podSelector: {{ . }}
        {{- end }}
      ports: {{ $ports }}
    {{- with $.Values.network }}
    {{- if .apiServer.addresses }}
    - to: {{ include "tenant.addresses" (dict "addresses" .apiServer.addresses) }}
      ports: {{ include "tenant.ports" .apiServer.ports }}
    {{- end }}
    {{- if .objectStore.addresses }}
    - to: {{ include "tenant.addresses" (dict "addresses" .objectStore.addresses) }}
      ports: {{ include "tenant.ports" .objectStore.ports }}
    {{- end }}
    {{- range .databaseEgress }}
    - {{ toJson . }}
    {{- end }}
    {{- end }}
{{- end -}}

{{- /* The pods of the chart django: JSON. */ -}}
{{- define "tenant.apps" -}}
{"matchLabels": {"app.kubernetes.io/name": "django"}}
{{- end -}}

{{- /* CloudNativePG's servers, with the Jobs that fill them, and its poolers; Zalando's: JSON. */ -}}
{{- define "tenant.servers" -}}
{"matchExpressions": [{"key": "cnpg.io/cluster", "operator": "Exists"}]}
{{- end -}}
{{- define "tenant.poolers" -}}
{"matchExpressions": [{"key": "cnpg.io/poolerName", "operator": "Exists"}]}
{{- end -}}
{{- define "tenant.spilo" -}}
{"matchLabels": {"application": "spilo"}}
{{- end -}}
