{{- /* Amounts of CPU and memory as numbers, and what the customer's apps add up to. A template
      gives back text only, so numbers are passed on as JSON. */ -}}

{{- /* "250m", "1.5" → thousandths of a CPU */ -}}
{{- define "tenant.cpu" -}}
{{- if hasSuffix "m" . -}}
{{ trimSuffix "m" . | int64 }}
{{- else -}}
{{ mulf 1000 (float64 .) | ceil | int64 }}
{{- end -}}
{{- end -}}

{{- /* "512Mi", "1.5G" → KiB, rounded up */ -}}
{{- define "tenant.kib" -}}
{{- $units := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 -}}
{{- $unit := regexFind "[A-Za-z]+$" . -}}
{{ divf (mulf (float64 (trimSuffix $unit .)) (get $units $unit)) 1024.0 | ceil | int64 }}
{{- end -}}

{{- /* KEY AMOUNT (list) → the amount as a number that can be compared with others of this key */ -}}
{{- define "tenant.comparable" -}}
{{- if hasSuffix "cpu" (index . 0) -}}
{{ include "tenant.cpu" (index . 1) }}
{{- else if regexMatch "(memory|storage)$" (index . 0) -}}
{{ include "tenant.kib" (index . 1) }}
{{- else -}}
{{ index . 1 | int64 }}
{{- end -}}
{{- end -}}

{{- /* KEY NUMBER (list) → the number as Kubernetes writes an amount of this key */ -}}
{{- define "tenant.written" -}}
{{- if hasSuffix "cpu" (index . 0) -}}
{{ index . 1 | int64 }}m
{{- else if regexMatch "(memory|storage)$" (index . 0) -}}
{{ divf (float64 (index . 1)) 1024.0 | ceil | int64 }}Mi
{{- else -}}
{{ index . 1 | int64 }}
{{- end -}}
{{- end -}}

{{- /* What quota.apps and quota.room add up to, by key, as numbers: JSON. */ -}}
{{- define "tenant.sum" -}}
{{- $room := .Values.quota.room -}}
{{- $memory := include "tenant.kib" $room.memory | int64 -}}
{{- $sum := dict "pods" (int64 $room.pods) "requests.cpu" (include "tenant.cpu" $room.cpu | int64) "requests.memory" $memory "limits.memory" $memory "persistentvolumeclaims" (int64 0) "requests.storage" (int64 0) -}}
{{- $cpuLimits := int64 0 -}}
{{- $unlimited := false -}}
{{- range $groups := .Values.quota.apps -}}
{{- range $group := $groups -}}
{{- $pods := add (int64 (default 0 $group.pods)) (int64 (default 0 $group.surge)) -}}
{{- $claims := int64 (default 0 $group.claims) -}}
{{- $memory := default "0" $group.memory -}}
{{- $parts := dict "pods" $pods "requests.cpu" (mul $pods (include "tenant.cpu" (default "0" $group.cpu) | int64)) "requests.memory" (mul $pods (include "tenant.kib" $memory | int64)) "limits.memory" (mul $pods (include "tenant.kib" (default $memory $group.memoryLimit) | int64)) "persistentvolumeclaims" $claims "requests.storage" (mul $claims (include "tenant.kib" (default "0" $group.storage) | int64)) -}}
{{- range $key, $part := $parts -}}
{{- $_ := set $sum $key (add (get $sum $key) $part) -}}
{{- end -}}
{{- if $group.cpuLimit -}}
{{- $cpuLimits = add $cpuLimits (mul $pods (include "tenant.cpu" $group.cpuLimit | int64)) -}}
{{- else if $pods -}}
{{- $unlimited = true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- /* one pod without a CPU limit, and a quota of CPU limits would refuse it */ -}}
{{- if and $cpuLimits (not $unlimited) -}}
{{- $_ := set $sum "limits.cpu" (add $cpuLimits (include "tenant.cpu" $room.cpu | int64)) -}}
{{- end -}}
{{ toJson $sum }}
{{- end -}}

{{- /* spec.hard of the ResourceQuota, without the counts of objects: JSON. */ -}}
{{- define "tenant.hard" -}}
{{- $hard := deepCopy .Values.quota.hard -}}
{{- if .Values.quota.apps -}}
{{- range $key, $needed := include "tenant.sum" . | fromJson -}}
{{- if not (hasKey $hard $key) -}}
{{- $_ := set $hard $key (include "tenant.written" (list $key $needed)) -}}
{{- else if lt (include "tenant.comparable" (list $key (get $hard $key)) | int64) ($needed | int64) -}}
{{- include "tenant.refuse" (list $ (printf "quota.hard.%s" $key) (printf "it is %s, but what quota.apps and quota.room may use adds up to %s. Raise the one or lower the others." (get $hard $key) (include "tenant.written" (list $key $needed)))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ toJson $hard }}
{{- end -}}
