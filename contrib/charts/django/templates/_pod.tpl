{{/* Pods and containers. Arguments are a dict: root, facts, and what each names. */}}

{{/* What the pods would not notice by themselves. */}}
{{- define "django.podAnnotations" -}}
{{- $secrets := .Values.app.sealedSecrets }}
{{- if $secrets }}
checksum/secrets: {{ include "django.sum" $secrets | quote }}
{{- end }}
{{- end }}

{{- define "django.podMetadata" -}}
labels:
  {{- include "django.podLabels" . | trim | nindent 2 }}
{{- with include "django.podAnnotations" .root }}
annotations:
  {{- . | trim | nindent 2 }}
{{- end }}
{{- end }}

{{/* What every pod has. */}}
{{- define "django.podSettings" -}}
{{- $hoster := .root.Values.hoster }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ int .root.Values.app.user }}
  runAsGroup: {{ int .root.Values.app.group }}
  fsGroup: {{ int .root.Values.app.group }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with include "django.pullSecrets" .root | fromJsonArray }}
imagePullSecrets:
{{- range . }}
  - name: {{ quote . }}
{{- end }}
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
{{- end }}

{{- define "django.pullSecrets" -}}
{{- $names := list }}
{{- range $name, $secret := .Values.app.sealedSecrets }}
{{- if eq ($secret.type | default "Opaque") "kubernetes.io/dockerconfigjson" }}
{{- $names = append $names $name }}
{{- end }}
{{- end }}
{{- concat $names .Values.hoster.images.pullSecrets | uniq | toJson }}
{{- end }}

{{- define "django.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: {{ .readOnly }}
  capabilities:
    drop: [ALL]
{{- end }}

{{/* name, args, env, resources (a role), files. The caller adds ports and probes. */}}
{{- define "django.container" -}}
- name: {{ .name }}
  image: {{ quote .facts.image }}
  imagePullPolicy: {{ .facts.pullPolicy }}
{{- if .root.Values.hoster.pidone.image }}
  command: [/opt/pidone/pidone]
{{- end }}
  args: {{ include "django.words" .args }}
  {{- include "django.environment" . | trim | nindent 2 }}
  resources: {{ include "django.resources" (dict "root" .root "name" (.resources | default .name)) | trim }}
  {{- include "django.containerSecurity" (dict "readOnly" .root.Values.app.readOnlyRootFilesystem) | trim | nindent 2 }}
  volumeMounts:
    - name: tmp-{{ .name }}
      mountPath: /tmp
    {{- include "django.mounts" . | trim | nindent 4 }}
{{- end }}

{{/* A customer's text, or texts, for every reader of YAML: JSON leaves U+0085 as it is, which YAML 1.1
takes for the end of a line, and makes a blank of. */}}
{{- define "django.json" -}}
{{- toJson . | replace "\u0085" "\\u0085" }}
{{- end }}

{{- define "django.words" -}}
{{- $words := list }}
{{- range . }}
{{- $words = append $words (include "django.literal" .) }}
{{- end }}
{{- include "django.json" $words }}
{{- end }}

{{- define "django.mounts" -}}
{{- $app := .root.Values.app }}
{{- if .root.Values.hoster.pidone.image }}
- name: pidone
  mountPath: /opt/pidone
  readOnly: true
{{- end }}
{{- if $app.config }}
- name: config
  mountPath: /etc/pidone/config
  readOnly: true
{{- end }}
{{- if ne .root.Values.hoster.postgres.source "none" }}
- name: {{ include "django.databaseVolume" . }}
  mountPath: /etc/pidone/postgres
  readOnly: true
{{- end }}
{{- range $name, $secret := $app.sealedSecrets }}
{{- if $secret.mountPath }}
- name: {{ include "django.secretVolume" $name }}
  mountPath: {{ quote $secret.mountPath }}
  readOnly: true
{{- end }}
{{- end }}
{{- if .files }}
- name: files
  mountPath: {{ quote $app.files.mountPath }}
{{- end }}
{{- end }}

{{- define "django.secretVolume" -}}
secret-{{ sha256sum . | trunc 10 }}
{{- end }}

{{/* containers (whose /tmp they are), migrates (then /init is one, too), files. */}}
{{- define "django.volumes" -}}
{{- $app := .root.Values.app }}
{{- $containers := .containers }}
{{- if .migrates }}
{{- $containers = concat (list (first .containers) "init") (rest .containers) }}
{{- end }}
volumes:
{{- range $containers }}
  - name: tmp-{{ . }}
    emptyDir:
      sizeLimit: {{ quote $.root.Values.hoster.scratch.size }}
{{- end }}
{{- if .root.Values.hoster.pidone.image }}
  - name: pidone
    emptyDir:
      sizeLimit: 64Mi
{{- end }}
{{- if $app.config }}
  - name: config
    configMap:
      name: {{ include "django.configName" .root }}
{{- end }}
{{- with include "django.postgresVolumes" (dict "root" .root "containers" $containers) | trim }}
  {{- . | nindent 2 }}
{{- end }}
{{- range $name, $secret := $app.sealedSecrets }}
{{- if $secret.mountPath }}
  - name: {{ include "django.secretVolume" $name }}
    secret:
      secretName: {{ quote $name }}
      defaultMode: 288 # 0440
{{- end }}
{{- end }}
{{- if .files }}
  - name: files
    persistentVolumeClaim:
      claimName: {{ include "django.claim" .root | trim | quote }}
{{- end }}
{{- if .fileServer }}
  - name: file-server
    configMap:
      name: {{ include "django.fileServerName" .root }}
{{- end }}
{{- end }}

{{/* Puts the hoster's pidone where the containers start it. */}}
{{- define "django.install" -}}
{{- with .root.Values.hoster.pidone.image }}
- name: install
  image: {{ quote . }}
  args: [install, /opt/pidone/pidone]
  resources: {{ include "django.resources" (dict "root" $.root "name" "init") | trim }}
  {{- include "django.containerSecurity" (dict "readOnly" true) | trim | nindent 2 }}
  volumeMounts:
    - name: pidone
      mountPath: /opt/pidone
{{- end }}
{{- end }}

{{- define "django.init" -}}
{{- include "django.container" (dict "root" .root "facts" .facts "name" "init" "files" .files
  "args" (ternary (concat (list "/init" "--") .root.Values.app.init.command) (list "/init") (gt (len .root.Values.app.init.command) 0))
  "env" (include "django.roleEnv" (dict "role" (dict "name" "init" "stopGrace" 20 "port" .facts.site.port)) | fromJson)) }}
  ports:
    - name: init
      containerPort: {{ int .facts.site.port }}
{{- end }}

{{/* A service: /run or a worker. role, port (its name), ready: whether Kubernetes asks it. */}}
{{- define "django.service" -}}
{{- $probes := .root.Values.app.probes }}
{{- include "django.container" (dict "root" .root "facts" .facts "name" .role.name "files" .files
  "args" (list (print "/" .role.name))
  "env" (include "django.roleEnv" (dict "role" .role) | fromJson)) }}
  ports:
{{- if eq .role.name "run" }}
    - name: http
      containerPort: {{ int .root.Values.app.port }}
{{- end }}
    - name: {{ .port }}
      containerPort: {{ int .role.port }}
{{- if .ready }}
  livenessProbe:
    httpGet:
      path: /livez
      port: {{ .port }}
    {{- include "django.timing" $probes.liveness | trim | nindent 4 }}
  readinessProbe:
    httpGet:
      path: /readyz
      port: {{ .port }}
    {{- include "django.timing" $probes.readiness | trim | nindent 4 }}
{{- if $probes.startup.enabled }}
  startupProbe:
    httpGet:
      path: /startupz
      port: {{ .port }}
    {{- include "django.timing" $probes.startup | trim | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "django.timing" -}}
periodSeconds: {{ int .periodSeconds }}
timeoutSeconds: {{ int .timeoutSeconds }}
failureThreshold: {{ int .failureThreshold }}
{{- end }}

{{/* What comes before a pod's containers; migrates: /init does. */}}
{{- define "django.initContainers" -}}
{{- if or .root.Values.hoster.pidone.image .migrates }}
initContainers:
{{- with include "django.install" . | trim }}
  {{- . | nindent 2 }}
{{- end }}
{{- if .migrates }}
  {{- include "django.init" . | trim | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
