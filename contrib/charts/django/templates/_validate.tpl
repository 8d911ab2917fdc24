{{/* What the schema cannot say. All that is wrong is told at once, each with the file to change. */}}

{{- define "django.validate" -}}
{{- $wrong := list }}
{{- range list "django.wrongName" "django.wrongImage" "django.wrongRoutes" "django.wrongEnv" "django.wrongSecrets"
  "django.wrongFiles" "django.wrongVolume" "django.wrongJobs" "django.validateHoster" }}
{{- $wrong = concat $wrong (include . $ | fromJsonArray) }}
{{- end }}
{{- if $wrong }}
{{- fail (printf "\n\n%s\n" (join "\n" $wrong)) }}
{{- end }}
{{- end }}

{{- define "django.wrongName" -}}
{{- $wrong := list }}
{{- if or (gt (len .Release.Name) 30) (not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" .Release.Name)) }}
{{- $wrong = append $wrong (printf "the app's name '%s' (the release, in the hoster's repository): at most 30 characters, a-z, 0-9 and -, the first a letter: names of pods, jobs and the database begin with it" .Release.Name) }}
{{- end }}
{{- if regexMatch "^tenant(-|$)" .Release.Name }}
{{- $wrong = append $wrong (printf "the app's name '%s' (the release, in the hoster's repository): another name, please: what begins with tenant is the namespace's own (chart django-tenant)" .Release.Name) }}
{{- end }}
{{- if regexMatch "-db(-|$)" .Release.Name }}
{{- $wrong = append $wrong (printf "the app's name '%s' (the release, in the hoster's repository): another name, please: what contains -db is the database of an app" .Release.Name) }}
{{- end }}
{{- toJson $wrong }}
{{- end }}

{{- define "django.wrongImage" -}}
{{- $wrong := list }}
{{- $image := .Values.app.image }}
{{- $policy := .Values.hoster.images }}
{{- if not $image.repository }}
{{- $wrong = append $wrong "the customer's file: app.image.repository is missing: the image to run, such as registry.example.org/acme/shop" }}
{{- else }}
{{- if and (not $image.digest) (not $image.tag) }}
{{- $wrong = append $wrong "the customer's file: app.image has neither digest nor tag: write the digest that the registry shows, digest: sha256:…" }}
{{- else if and $policy.requireDigest (not $image.digest) }}
{{- $wrong = append $wrong (printf "the customer's file: app.image.tag '%s' is not enough here, since a tag can come to mean another image: add the digest that the registry shows, digest: sha256:…" $image.tag) }}
{{- end }}
{{- $full := $image.repository }}
{{- if not (regexMatch "^([^/]*[.:][^/]*|localhost)/" $full) }}
{{- $full = print "docker.io/" $full }}
{{- end }}
{{- $allowed := empty $policy.registries }}
{{- range $policy.registries }}
{{- $allowed = or $allowed (hasPrefix (print (trimSuffix "/" .) "/") (print $full "/")) }}
{{- end }}
{{- if not $allowed }}
{{- $wrong = append $wrong (printf "the customer's file: app.image.repository '%s' is not in a registry that is allowed here: push the image to %s" $image.repository (join " or " $policy.registries)) }}
{{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}

{{- define "django.wrongRoutes" -}}
{{- $wrong := list }}
{{- $hoster := .Values.hoster }}
{{- if and (not .Values.app.routes) (ne $hoster.routing.type "none") }}
{{- $wrong = append $wrong "the customer's file: app.routes is empty: write under which name the site is reached, - host: shop.example.org" }}
{{- end }}
{{- if and (eq $hoster.routing.type "gateway") (not $hoster.routing.gateway.name) }}
{{- $wrong = append $wrong "the hoster's file: hoster.routing.type is gateway, and hoster.routing.gateway.name is missing: which Gateway?" }}
{{- end }}
{{- $seen := dict }}
{{- range .Values.app.routes }}
{{- $route := print .host (.path | default "/") }}
{{- if hasKey $seen $route }}
{{- $wrong = append $wrong (printf "the customer's file: app.routes has %s twice: remove one" $route) }}
{{- end }}
{{- $_ := set $seen $route true }}
{{- $allowed := empty $hoster.domains }}
{{- $host := .host }}
{{- range $hoster.domains }}
{{- $allowed = or $allowed (eq . $host) (and (hasPrefix "*." .) (hasSuffix (trimPrefix "*" .) $host)) }}
{{- end }}
{{- if not $allowed }}
{{- $wrong = append $wrong (printf "the customer's file: app.routes: the host '%s' is not this app's: use one of %s, or ask the hoster to add it to hoster.domains" $host (join ", " $hoster.domains)) }}
{{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}

{{- define "django.wrongEnv" -}}
{{- $wrong := list }}
{{- $own := dict "PORT" true "PIDONE_TASK_ONCE" true "PIDONE_TASK_STOP_GRACE" true "PIDONE_TASK_LOCK" true "PIDONE_POSTGRES_PROJECT" true "PIDONE_CONFIG" true "PIDONE_RELEASE" true "PIDONE_POSTGRES_SECRET_DIR" true }}
{{- range concat (list "run" "init" "async") (keys .Values.app.roles) }}
{{- $prefix := printf "PIDONE_%s_" (upper .) }}
{{- range list "DRAIN" "STOP_GRACE" "LISTEN" "COMMAND" "RESTART" "ON_LIVE_FAILURE" }}
{{- $_ := set $own (print $prefix .) true }}
{{- end }}
{{- end }}
{{- $sealed := include "django.sealedNames" . | fromJsonArray }}
{{- range $name, $value := .Values.app.env }}
{{- if has $name $sealed }}
{{- $wrong = append $wrong (printf "the customer's file: app.env.%s is in a sealed secret, too: remove one of them" $name) }}
{{- end }}
{{- if hasKey $own $name }}
{{- $wrong = append $wrong (printf "the customer's file: app.env.%s: the chart sets this itself, from other values: %s" $name (include "django.instead" $name)) }}
{{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}

{{- define "django.instead" -}}
{{- if hasSuffix "_STOP_GRACE" . }}use stopGrace of the role
{{- else if hasSuffix "_DRAIN" . }}use app.run.drain
{{- else if hasSuffix "_COMMAND" . }}use command of the role
{{- else if eq . "PORT" }}use app.port
{{- else if eq . "PIDONE_CONFIG" }}use app.config
{{- else if eq . "PIDONE_RELEASE" }}use app.image.digest, or app.image.immutableTags
{{- else }}remove it
{{- end }}
{{- end }}
