{{/* Secrets and files: what is the app's own, and what fits together. */}}

{{- define "django.wrongSecrets" -}}
{{- $wrong := list }}
{{- $app := .Values.app }}
{{- $release := .Release.Name }}
{{- $paths := dict "/tmp" "a temporary directory of the chart's" "/opt/pidone" "pidone's own" "/etc/pidone" "pidone's own"
  "/dev" "the system's" "/proc" "the system's" "/sys" "the system's" }}
{{- with $app.files.mountPath }}
{{- range $path, $whose := $paths }}
{{- if include "django.overlap" (list $path $app.files.mountPath) }}
{{- $wrong = append $wrong (printf "the customer's file: app.files.mountPath '%s' meets %s, which is %s: choose another directory" $app.files.mountPath $path $whose) }}
{{- end }}
{{- end }}
{{- $_ := set $paths . "app.files.mountPath" }}
{{- end }}
{{- range $name, $secret := $app.sealedSecrets }}
{{- $key := print "app.sealedSecrets." $name }}
{{- if not (or (eq $name $release) (hasPrefix (print $release "-") $name)) }}
{{- $wrong = append $wrong (printf "the customer's file: %s: the secrets of this app are called %s or %s-…: seal it again with a name such as %s-env" $key $release $release $release) }}
{{- else if regexMatch "^-(db($|-)|tls$)" (trimPrefix $release $name) }}
{{- $wrong = append $wrong (printf "the customer's file: %s: this name is for a secret of the cluster's: seal it again with a name such as %s-env" $key $release) }}
{{- end }}
{{- range $item, $value := $secret.encryptedData }}
{{- if not (regexMatch "^A[A-Za-z0-9+/]{300,}={0,2}$" $value) }}
{{- $wrong = append $wrong (printf "the customer's file: %s.encryptedData.%s is not sealed, so that whoever reads the repository knows it: take what kubeseal prints, and change the secret itself if it was ever pushed" $key $item) }}
{{- end }}
{{- end }}
{{- if eq ($secret.type | default "Opaque") "kubernetes.io/dockerconfigjson" }}
{{- if or (ne (keys $secret.encryptedData | join " ") ".dockerconfigjson") $secret.mountPath }}
{{- $wrong = append $wrong (printf "the customer's file: %s: a secret to pull images has one key, .dockerconfigjson, and no mountPath: make it with `kubectl create secret docker-registry`" $key) }}
{{- end }}
{{- else if $secret.mountPath }}
{{- range $path, $whose := $paths }}
{{- if include "django.overlap" (list $path $secret.mountPath) }}
{{- $wrong = append $wrong (printf "the customer's file: %s.mountPath '%s' meets %s, which is %s: choose another directory" $key $secret.mountPath $path $whose) }}
{{- end }}
{{- end }}
{{- $_ := set $paths $secret.mountPath $key }}
{{- end }}
{{- end }}
{{- range $name := $app.envFrom }}
{{- $secret := index $app.sealedSecrets $name }}
{{- if and (not $secret) (not (has $name $.Values.hoster.secrets)) }}
{{- $wrong = append $wrong (printf "the customer's file: app.envFrom names '%s', which is not a secret of this app: add it to app.sealedSecrets, or ask the hoster to add it to hoster.secrets" $name) }}
{{- else if $secret }}
{{- if ne ($secret.type | default "Opaque") "Opaque" }}
{{- $wrong = append $wrong (printf "the customer's file: app.envFrom names '%s', which is for pulling images: remove it there" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}

{{/* Whether one of two directories is, or is in, the other. */}}
{{- define "django.overlap" -}}
{{- $one := print (trimSuffix "/" (first .)) "/" }}
{{- $other := print (trimSuffix "/" (last .)) "/" }}
{{- if or (hasPrefix $one $other) (hasPrefix $other $one) }}yes{{ end }}
{{- end }}

{{- define "django.wrongFiles" -}}
{{- $wrong := list }}
{{- if .Values.app.files.urls }}
{{- if not .Values.app.files.mountPath }}
{{- $wrong = append $wrong "the customer's file: app.files.urls says what visitors may read, and app.files.mountPath is empty: write where the files are in the container, such as /app/media" }}
{{- end }}
{{- if not .Values.hoster.fileServer.image }}
{{- $wrong = append $wrong "the hoster's file: hoster.fileServer.image is missing, and the app has app.files.urls: write an image with nginx, by digest" }}
{{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}

{{/* What a volume that belongs to one node, or one pod, cannot do. */}}
{{- define "django.wrongVolume" -}}
{{- $wrong := list }}
{{- $mode := .Values.hoster.files.accessMode }}
{{- if and .Values.app.files.mountPath (ne $mode "ReadWriteMany") }}
{{- range $name, $count := .Values.hoster.replicas }}
{{- if gt (int $count) 1 }}
{{- $wrong = append $wrong (printf "the hoster's file: hoster.replicas.%s is %d, and hoster.files.accessMode is %s, which only one pod can use: write 1, or a storage class with ReadWriteMany" $name (int $count) $mode) }}
{{- end }}
{{- end }}
{{- if eq $mode "ReadWriteOncePod" }}
{{- range $kind := list "cron" "tasks" }}
{{- range $name, $job := index $.Values.app $kind }}
{{- if $job.files }}
{{- $wrong = append $wrong (printf "the customer's file: app.%s.%s.files: the volume is the site's alone (hoster.files.accessMode is ReadWriteOncePod): remove it, or ask the hoster for ReadWriteOnce" $kind $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}

{{- define "django.wrongJobs" -}}
{{- $wrong := list }}
{{- $app := .Values.app }}
{{- range $kind := list "cron" "tasks" }}
{{- range $name, $job := index $app $kind }}
{{- if and $job.files (not $app.files.mountPath) }}
{{- $wrong = append $wrong (printf "the customer's file: app.%s.%s.files: the app has no files: set app.files.mountPath, or remove it" $kind $name) }}
{{- end }}
{{- if eq ($job.role | default "") "run" }}
{{- $wrong = append $wrong (printf "the customer's file: app.%s.%s.role is run, the site, which never ends: name another role, or a command" $kind $name) }}
{{- end }}
{{- if and (hasKey $job "command") (not $job.command) }}
{{- $wrong = append $wrong (printf "the customer's file: app.%s.%s.command is empty: write its words, [python, manage.py, clearsessions]" $kind $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}
