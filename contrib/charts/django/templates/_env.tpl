{{/* The environment. Three layers: what the chart offers, what the customer says (sealed or not),
and what only the chart can know; the last cannot be said in app.env (see _validate.tpl). */}}

{{/* Kubernetes lets env win over envFrom, so what is offered must not have a sealed one's name. */}}
{{- define "django.sealedNames" -}}
{{- $names := list }}
{{- range include "django.envFrom" . | fromJsonArray }}
{{- with index $.Values.app.sealedSecrets . }}
{{- $names = concat $names (keys .encryptedData) }}
{{- end }}
{{- end }}
{{- uniq $names | sortAlpha | toJson }}
{{- end }}

{{- define "django.offered" -}}
{{- $values := .Values }}
{{- $hosts := list }}
{{- $origins := list }}
{{- range $values.app.routes }}
{{- $hosts = append $hosts .host }}
{{- $origins = append $origins (printf "%s://%s" (ternary "https" "http" $values.hoster.routing.tls) .host) }}
{{- end }}
{{- $offered := dict "HOME" "/tmp" }}
{{- if $hosts }}
{{- $_ := set $offered "ALLOWED_HOSTS" (uniq $hosts | join ",") }}
{{- $_ := set $offered "CSRF_TRUSTED_ORIGINS" (uniq $origins | join ",") }}
{{- $_ := set $offered "PIDONE_PROBES_CHECK_HOST" (first $hosts) }}
{{- end }}
{{- if $values.hoster.routing.forwardedAllowIPs }}
{{- $_ := set $offered "FORWARDED_ALLOW_IPS" $values.hoster.routing.forwardedAllowIPs }}
{{- end }}
{{- range include "django.sealedNames" . | fromJsonArray }}
{{- $_ := unset $offered . }}
{{- end }}
{{- toJson $offered }}
{{- end }}

{{/* The same for every container of the app. */}}
{{- define "django.managed" -}}
{{- $managed := dict "PORT" (printf "%d" (int .Values.app.port)) }}
{{- with include "django.release" .Values.app.image }}
{{- $_ := set $managed "PIDONE_RELEASE" . }}
{{- end }}
{{- if .Values.app.config }}
{{- $_ := set $managed "PIDONE_CONFIG" "/etc/pidone/config/pidone.ini" }}
{{- end }}
{{- if ne .Values.hoster.postgres.source "none" }}
{{- $_ := set $managed "PIDONE_POSTGRES_SECRET_DIR" "/etc/pidone/postgres" }}
{{- end }}
{{- toJson $managed }}
{{- end }}

{{/* What differs by role. An init container is gone before the site begins, so they share a port. */}}
{{- define "django.roleEnv" -}}
{{- $prefix := printf "PIDONE_%s_" (upper .role.name) }}
{{- $env := dict (print $prefix "STOP_GRACE") (printf "%ds" (int .role.stopGrace))
  (print $prefix "LISTEN") (printf "[::]:%d" (int .role.port)) }}
{{- if .role.drain }}
{{- $_ := set $env (print $prefix "DRAIN") (printf "%ds" (int .role.drain)) }}
{{- end }}
{{- with .role.command }}
{{- $_ := set $env (print $prefix "COMMAND") (include "django.text" .) }}
{{- end }}
{{- if .role.shared }}
{{- /* A pod is ready only while all of its containers run. So what ends beside the site is started
again within its container, by pidone and not by Kubernetes. */}}
{{- $_ := set $env (print $prefix "RESTART") "always" }}
{{- $_ := set $env (print $prefix "ON_LIVE_FAILURE") "restart" }}
{{- end }}
{{- toJson $env }}
{{- end }}

{{/* env and envFrom of a container; .env: what it has beyond the others. */}}
{{- define "django.environment" -}}
{{- $env := dict }}
{{- range list (include "django.offered" .root | fromJson) .root.Values.app.env
  (include "django.managed" .root | fromJson) (.env | default dict) }}
{{- range $name, $value := . }}
{{- $_ := set $env $name $value }}
{{- end }}
{{- end }}
env:
{{- range $name, $value := $env }}
  - name: {{ quote $name }}
    value: {{ include "django.json" (include "django.literal" $value) }}
{{- end }}
{{- with include "django.envFrom" .root | fromJsonArray }}
envFrom:
{{- range . }}
  - secretRef:
      name: {{ quote . }}
{{- end }}
{{- end }}
{{- end }}
