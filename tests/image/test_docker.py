"""contrib/dockerfiles with a real Docker: the images are built and run, as Docker, as Kubernetes
and as docker-compose do. The base images are stand-ins (bases.py), all else is real."""
import cases_compose
import cases_images
import cases_pod
import engine
import harness

engine.run(lambda: harness.main(under_valgrind=False, sanitized=False, modules=[
    cases_images, cases_pod, cases_compose]))
