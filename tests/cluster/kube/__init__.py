"""A small Kubernetes for the tests: it takes manifests as a chart renders them and runs them with
Docker, with the rules of the kubelet and of the controllers that a visitor or an operator notices.

    fields       what a manifest may have: anything else is refused, so nothing is ignored silently
    environment  env, envFrom, $(VAR), command and args
    volumes      emptyDir, PVC, Secret, ConfigMap, projected; fsGroup, modes, subPath
    dockerd      the engine's API
    runtime      a container of a pod as the engine is told
    backoff      how long a crashed container waits
    probes       startup, readiness, liveness: thresholds, and what follows
    kubelet      the life of one pod
    cluster      the objects, Services and their endpoints, what operators would do
    controllers  Deployment, Job, CronJob
    argocd       sync(): waves, hooks, health, pruning
    front        an ingress controller, a program of its own

One node, one namespace, no scheduler: what only chooses a node is accepted and has no effect. Times
are Kubernetes' own unless a test shortens them (kubelet.Times).
"""
