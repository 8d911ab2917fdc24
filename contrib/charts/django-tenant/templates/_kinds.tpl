{{- /* Exactly what the chart django renders: tests/chart/test_border.py holds the two together. */ -}}
{{- define "tenant.kinds" -}}
- {group: "", kind: ConfigMap}
- {group: "", kind: PersistentVolumeClaim}
- {group: "", kind: Service}
- {group: apps, kind: Deployment}
- {group: batch, kind: CronJob}
- {group: batch, kind: Job}
- {group: bitnami.com, kind: SealedSecret}
- {group: gateway.networking.k8s.io, kind: HTTPRoute}
- {group: monitoring.coreos.com, kind: PodMonitor}
- {group: monitoring.coreos.com, kind: PrometheusRule}
- {group: networking.k8s.io, kind: Ingress}
- {group: networking.k8s.io, kind: NetworkPolicy}
- {group: policy, kind: PodDisruptionBudget}
- {group: postgresql.cnpg.io, kind: Cluster}
- {group: postgresql.cnpg.io, kind: Database}
- {group: postgresql.cnpg.io, kind: Pooler}
- {group: postgresql.cnpg.io, kind: ScheduledBackup}
{{- end -}}
