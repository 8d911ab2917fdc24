{{/* The pieces of the CloudNativePG Cluster, see postgres.yaml. */}}

{{- define "django.cluster" -}}
{{ .Release.Name }}-db
{{- end }}

{{/* PgBouncer's Service has its Pooler's name. */}}
{{- define "django.pooler" -}}
{{ .Release.Name }}-db-pooler
{{- end }}

{{- define "django.databaseConfig" -}}
{{ .Release.Name }}-database
{{- end }}

{{- define "django.barman" -}}
barman-cloud.cloudnative-pg.io
{{- end }}

{{/* The folder in the ObjectStore that this Cluster writes to. */}}
{{- define "django.archive" -}}
{{ .Values.hoster.postgres.cluster.backup.serverName | default (include "django.cluster" .) }}
{{- end }}

{{/* On whatever the operator makes. Not the labels of the app's own pods: it is none of them. */}}
{{- define "django.part" -}}
app.kubernetes.io/part-of: {{ quote .Release.Name }}
{{- end }}

{{- define "django.storage" -}}
size: {{ quote .size }}
{{- with .class }}
storageClass: {{ quote . }}
{{- end }}
{{- end }}

{{/* Where the data come from. Read once, when the Cluster is made; what is written here later
changes nothing.

C as the collation is the order of code points in every version of every libc, so that an image
with a newer one never leaves an index in the wrong order behind, in two hundred databases at a
time. The character type is another matter: with C, upper('ü') is 'ü', and Django's iexact and
icontains would be wrong beyond ASCII. */}}
{{- define "django.bootstrap" -}}
{{- $cluster := .Values.hoster.postgres.cluster }}
{{- if $cluster.recovery.serverName }}
recovery:
  source: backup
  database: app
  owner: app
  {{- with $cluster.recovery.targetTime }}
  recoveryTarget:
    targetTime: {{ quote . }}
  {{- end }}
{{- else }}
initdb:
  database: app
  owner: app
  encoding: UTF8
  localeCollate: {{ quote $cluster.collation }}
  localeCType: {{ ternary "C.UTF-8" $cluster.collation (eq $cluster.collation "C") | quote }}
  dataChecksums: true
  {{- with $cluster.import }}
  {{- if .host }}
  import:
    type: microservice
    databases: [{{ quote .database }}]
    source:
      externalCluster: import
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "django.externalClusters" -}}
{{- $cluster := .Values.hoster.postgres.cluster }}
{{- if $cluster.recovery.serverName }}
- name: backup
  plugin:
    name: {{ include "django.barman" . }}
    parameters:
      barmanObjectName: {{ quote $cluster.backup.objectStore }}
      serverName: {{ quote $cluster.recovery.serverName }}
{{- else if $cluster.import.host }}
{{- with $cluster.import }}
- name: import
  connectionParameters:
    host: {{ quote .host }}
    port: {{ printf "%d" (int .port) | quote }}
    dbname: {{ quote .database }}
    user: {{ quote .user }}
    sslmode: {{ quote .sslMode }}
  password:
    name: {{ quote .passwordSecret }}
    key: password
  {{- with .caSecret }}
  sslRootCert:
    name: {{ quote . }}
    key: ca.crt
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Which nodes. The same with one server as with three: the operator restarts servers whose pods
would look different, and a second one must not cost the first a restart. */}}
{{- define "django.clusterNodes" -}}
{{- $hoster := .Values.hoster }}
affinity:
  enablePodAntiAffinity: true
  # on another node where there is one; a cluster with a single node has a database nevertheless
  podAntiAffinityType: preferred
  topologyKey: kubernetes.io/hostname
  {{- with $hoster.nodeSelector }}
  nodeSelector: {{ toJson . }}
  {{- end }}
  {{- with $hoster.tolerations }}
  tolerations: {{ toJson . }}
  {{- end }}
topologySpreadConstraints:
  - topologyKey: topology.kubernetes.io/zone
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        cnpg.io/cluster: {{ include "django.cluster" . }}
        cnpg.io/podRole: instance
{{- with $hoster.priorityClassName }}
priorityClassName: {{ quote . }}
{{- end }}
{{- end }}

{{/* spec.template of the Pooler; the operator fills in what is missing. */}}
{{- define "django.poolerPods" -}}
{{- $hoster := .Values.hoster }}
metadata:
  labels:
    {{- include "django.part" . | nindent 4 }}
spec:
  containers:
    - name: pgbouncer
      resources: {{ toJson $hoster.postgres.cluster.pooler.resources }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          cnpg.io/poolerName: {{ include "django.pooler" $ }}
    {{- end }}
  {{- with $hoster.nodeSelector }}
  nodeSelector: {{ toJson . }}
  {{- end }}
  {{- with $hoster.tolerations }}
  tolerations: {{ toJson . }}
  {{- end }}
  {{- with $hoster.priorityClassName }}
  priorityClassName: {{ quote . }}
  {{- end }}
  {{- with $hoster.images.pullSecrets }}
  imagePullSecrets:
  {{- range . }}
    - name: {{ quote . }}
  {{- end }}
  {{- end }}
{{- end }}
