{{/* What the Deployments share. */}}

{{- define "django.strategy" -}}
{{- if .recreate }}
type: Recreate
{{- else }}
type: RollingUpdate
rollingUpdate:
  maxSurge: 1
  maxUnavailable: 0
{{- end }}
{{- end }}

{{- define "django.spread" -}}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "django.selector" $ | trim | nindent 8 }}
{{- end }}
{{- end }}

{{/* A port's name has at most 15 characters. */}}
{{- define "django.portName" -}}
{{ printf "%s-p" (.name | trunc 13) }}
{{- end }}

{{/* The server of uploaded files. It has no probe: without it the site still works. */}}
{{- define "django.fileServer" -}}
{{- $server := .root.Values.hoster.fileServer }}
- name: files
  image: {{ quote $server.image }}
  command: [nginx, -e, stderr, -c, /etc/file-server/nginx.conf]
  ports:
    - name: files
      containerPort: 9490
{{- if gt (int .facts.drain) 0 }}
  # as long as the site does; nginx itself stops at once
  lifecycle:
    preStop:
      sleep:
        seconds: {{ int .facts.drain }}
{{- end }}
  resources: {{ toJson $server.resources }}
  {{- include "django.containerSecurity" (dict "readOnly" true) | trim | nindent 2 }}
  volumeMounts:
    - name: tmp-files
      mountPath: /tmp
    - name: file-server
      mountPath: /etc/file-server
      readOnly: true
    - name: files
      mountPath: /srv/files
      readOnly: true
{{- end }}
