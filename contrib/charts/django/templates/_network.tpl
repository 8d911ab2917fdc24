{{/* The pieces of the NetworkPolicies, see networkpolicy.yaml. Peers and rules are JSON: the
values' own are closed objects, and are printed as they are. */}}

{{/* list PORT…, numbers or names: TCP */}}
{{- define "django.tcp" -}}
{{- $ports := list }}
{{- range . }}
{{- $ports = append $ports (dict "protocol" "TCP" "port" (ternary . (int .) (kindIs "string" .))) }}
{{- end }}
{{- toJson $ports }}
{{- end }}

{{/* A rule; .peers empty: anybody. direction: from or to. */}}
{{- define "django.rule" -}}
{{- $rule := dict "ports" (include "django.tcp" .ports | fromJsonArray) }}
{{- if .peers }}
{{- $_ := set $rule .direction .peers }}
{{- end }}
{{- toJson $rule }}
{{- end }}

{{- define "django.podsLabelled" -}}
{{- dict "podSelector" (dict "matchLabels" .) | toJson }}
{{- end }}

{{/* All pods of this app, and none of the database's. */}}
{{- define "django.appPods" -}}
app.kubernetes.io/name: django
app.kubernetes.io/instance: {{ quote .Release.Name }}
{{- end }}

{{/* The database as peers. Two labels, since not every version of the operator puts the
Cluster's on the Pooler's pods. */}}
{{- define "django.databasePeers" -}}
{{- $postgres := .Values.hoster.postgres }}
{{- $peers := list }}
{{- if eq $postgres.source "zalando" }}
{{- $peers = append $peers (include "django.podsLabelled" (dict "cluster-name" $postgres.zalando.cluster) | fromJson) }}
{{- else if eq $postgres.source "cluster" }}
{{- $peers = append $peers (include "django.podsLabelled" (dict "cnpg.io/cluster" (include "django.cluster" .)) | fromJson) }}
{{- if eq (include "django.pooled" .) "true" }}
{{- $peers = append $peers (include "django.podsLabelled" (dict "cnpg.io/poolerName" (include "django.pooler" .)) | fromJson) }}
{{- end }}
{{- end }}
{{- toJson $peers }}
{{- end }}

{{/* Everything outside: no network of this cluster, of a private net or of a single link (there
clouds answer whoever asks for the node's credentials), and none of these by the detour of an
IPv6 address that stands for an IPv4 one (RFC 4291, 6052, 3056). */}}
{{- define "django.outside" -}}
{{- $private := list
  "0.0.0.0/8" "10.0.0.0/8" "100.64.0.0/10" "127.0.0.0/8" "169.254.0.0/16" "172.16.0.0/12"
  "192.0.0.0/24" "192.168.0.0/16" "198.18.0.0/15" "224.0.0.0/4" "240.0.0.0/4"
  "::/96" "::ffff:0:0/96" "64:ff9b::/104" "64:ff9b::a00:0/104" "64:ff9b::6440:0/106"
  "64:ff9b::7f00:0/104" "64:ff9b::a9fe:0/112" "64:ff9b::ac10:0/108" "64:ff9b::c000:0/120"
  "64:ff9b::c0a8:0/112" "64:ff9b::c612:0/111" "64:ff9b::e000:0/99" "64:ff9b:1::/48" "100::/64"
  "2002::/16" "fc00::/7" "fe80::/10" "fec0::/10" "ff00::/8" }}
{{- $peers := list }}
{{- range $all := list "0.0.0.0/0" "::/0" }}
{{- $except := list }}
{{- range concat $private $.Values.hoster.network.clusterNetworks | uniq }}
{{- if eq (contains ":" .) (contains ":" $all) }}
{{- $except = append $except . }}
{{- end }}
{{- end }}
{{- $peers = append $peers (dict "ipBlock" (dict "cidr" $all "except" $except)) }}
{{- end }}
{{- toJson $peers }}
{{- end }}

{{/* A rule of hoster.network.egress, with what Kubernetes would fill in. */}}
{{- define "django.egressRule" -}}
{{- $rule := dict "to" .to }}
{{- $ports := list }}
{{- range .ports | default list }}
{{- $ports = append $ports (dict "port" (int .port) "protocol" (.protocol | default "TCP")) }}
{{- end }}
{{- if $ports }}
{{- $_ := set $rule "ports" $ports }}
{{- end }}
{{- toJson $rule }}
{{- end }}

{{/* Ports of pidone in all pods: list */}}
{{- define "django.probePorts" -}}
{{- $ports := list .site.port }}
{{- range .workers }}
{{- $ports = append $ports .port }}
{{- end }}
{{- toJson $ports }}
{{- end }}

{{/* Whether somebody reads metrics: only then a port is open for them. */}}
{{- define "django.metricsRule" -}}
{{- $hoster := .root.Values.hoster }}
{{- if or $hoster.monitoring.enabled $hoster.network.metricsFrom }}
{{- include "django.rule" (dict "direction" "from" "peers" $hoster.network.metricsFrom "ports" .ports) }}
{{- end }}
{{- end }}

{{- define "django.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ quote .name }}
  labels:
    {{- include "django.labels" .root | nindent 4 }}
  annotations:
    {{- include "django.wave" .root | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{ toJson .pods }}
  policyTypes: {{ toJson .types }}
  ingress:
  {{- range .ingress }}
    - {{ . }}
  {{- else }} []
  {{- end }}
  {{- if has "Egress" .types }}
  egress:
  {{- range .egress }}
    - {{ . }}
  {{- else }} []
  {{- end }}
  {{- end }}
{{- end }}
