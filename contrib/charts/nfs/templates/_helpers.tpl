{{- define "nfs.refuse" -}}
{{- fail (printf "\n\n%s: %s\nChange it in the values of the chart nfs in the hoster's repository.\n" (index . 0) (index . 1)) -}}
{{- end -}}

{{- define "nfs.labels" -}}
app.kubernetes.io/name: nfs
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "nfs.metadata" -}}
name: {{ .Release.Name | quote }}
namespace: {{ .Release.Namespace | quote }}
labels:
  {{- include "nfs.labels" . | nindent 2 }}
  app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
  helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{- define "nfs.config" -}}
# Written by the chart nfs.
NFS_CORE_PARAM {
	Protocols = 4;
	NFS_Port = 2049;
	Enable_NLM = false;
	Enable_RQUOTA = false;
	Enable_UDP = false;
}
NFSV4 {
	Minor_Versions = 1, 2;
	# clients send numbers, not names: no server of names is asked
	Only_Numeric_Owners = true;
	# after a restart clients take their locks back for so long, and nobody else may write
	Grace_Period = {{ int .Values.graceSeconds }};
	Lease_Lifetime = {{ div (mul 3 (int .Values.graceSeconds)) 4 }};
	# who had locks: beside the data, so that a restart on another node knows it, too
	RecoveryBackend = fs;
	RecoveryRoot = "/export/.ganesha";
}
NFS_KRB5 { Active_krb5 = false; }
LOG { Default_Log_Level = EVENT; }
EXPORT {
	Export_Id = 1;
	Path = "/export";
	Pseudo = "/";
	Access_Type = None;
	SecType = sys;
	Protocols = 4;
	Transports = TCP;
	FSAL { Name = VFS; }
	# a single address is without its length: Ganesha's parser does not know /128
	{{- range .Values.clients }}
	CLIENT { Clients = {{ . | trimSuffix "/32" | trimSuffix "/128" }}; Access_Type = RW; Squash = No_Root_Squash; }
	{{- end }}
}
{{- end -}}
