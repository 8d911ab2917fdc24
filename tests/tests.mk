# The tests: TAP, every case counts. tests/run runs them all, and more.

LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
PY_LOG_DRIVER = $(LOG_DRIVER)
TEST_EXTENSIONS = .py

# Debian's Python, not one that a developer's PATH has in front: the apps of
# tests/app need Debian's Django beside it.
PYTHON3 = /usr/bin/python3
PY_LOG_COMPILER = $(PYTHON3)
AM_TESTS_ENVIRONMENT = \
	PIDONE_BIN="$${PIDONE_BIN:-$(abs_top_builddir)/pidone}"; export PIDONE_BIN; \
	NSRUN_BIN='$(abs_top_builddir)/tests/nsrun'; export NSRUN_BIN; \
	AGENT_TOOL="$${AGENT_TOOL:-$(abs_top_builddir)/tests/pg/agent_tool}"; export AGENT_TOOL; \
	PIDONE_SANITIZERS='@enable_sanitizers@'; export PIDONE_SANITIZERS; \
	PYTHONPATH='$(abs_top_srcdir)/tests'; export PYTHONPATH; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	PYTHONUNBUFFERED=1; export PYTHONUNBUFFERED;

check_PROGRAMS = $(unit_tests) $(effect_tests) $(model_tests) $(test_tools)
TESTS = $(script_tests) $(unit_tests) $(model_tests) $(effect_tests)

# for tests/run, which runs them suite by suite
.PHONY: print-tests
print-tests:
	@echo $(TESTS)

# What a program of tests/unit links with unless it says otherwise: no libuv,
# no libpq, so that floors 0 and 1 stay free of them.
LDADD = libpure.a $(INIH_LIBS) $(CMOCKA_LIBS)

# ---- unit: floors 0 and 1 ----

unit_tests = \
	tests/unit/test_backoff \
	tests/unit/test_check_spec \
	tests/unit/test_command \
	tests/unit/test_config \
	tests/unit/test_conninfo \
	tests/unit/test_health \
	tests/unit/test_http \
	tests/unit/test_listening \
	tests/unit/test_log \
	tests/unit/test_mask \
	tests/unit/test_message \
	tests/unit/test_parse \
	tests/unit/test_pg_failure \
	tests/unit/test_plan \
	tests/unit/test_sd_notify \
	tests/unit/test_sha256 \
	tests/unit/test_text \
	tests/unit/test_uwsgi

# ---- model: every state that the lifecycle can reach ----

model_tests = tests/model/walk
tests_model_walk_LDADD = libpure.a

# ---- effect: the real kernel, not PID 1 ----

effect_tests = \
	tests/effect/test_checks \
	tests/effect/test_config_file \
	tests/effect/test_detect \
	tests/effect/test_environment \
	tests/effect/test_explain \
	tests/effect/test_install \
	tests/effect/test_listen \
	tests/effect/test_messages \
	tests/effect/test_page \
	tests/effect/test_pg_source \
	tests/effect/test_probe_server \
	tests/effect/test_sys

effect_ldadd = libpidone.a $(LDADD)
tests_effect_test_checks_LDADD = $(effect_ldadd)
tests_effect_test_config_file_LDADD = $(effect_ldadd)
tests_effect_test_detect_LDADD = $(effect_ldadd)
tests_effect_test_environment_LDADD = $(effect_ldadd)
tests_effect_test_explain_LDADD = $(effect_ldadd)
tests_effect_test_install_LDADD = $(effect_ldadd)
tests_effect_test_listen_LDADD = $(effect_ldadd)
tests_effect_test_messages_LDADD = $(effect_ldadd)
tests_effect_test_page_LDADD = $(effect_ldadd)
tests_effect_test_sys_LDADD = $(effect_ldadd)
tests_effect_test_probe_server_LDADD = $(effect_ldadd)
tests_effect_test_pg_source_LDADD = $(effect_ldadd)
noinst_HEADERS = tests/effect/capture.h tests/effect/temp_dir.h

# ---- programs that scripts run ----

test_tools = \
	tests/nsrun \
	tests/lint/print_keys \
	tests/pg/agent_tool \
	tests/ns/count_allocations.so \
	tests/ns/fast_clock.so \
	tests/ns/puppet \
	tests/bench/orphans \
	tests/fuzz/fuzz_command \
	tests/fuzz/fuzz_config \
	tests/fuzz/fuzz_conninfo \
	tests/fuzz/fuzz_http \
	tests/fuzz/fuzz_listening \
	tests/fuzz/fuzz_message \
	tests/fuzz/fuzz_plan \
	tests/fuzz/fuzz_sd_notify

# never sanitized: it is the world that the program under test lives in
tests_nsrun_SOURCES = tests/nsrun.c tests/nsrun_parts.h tests/nsrun_deny.c tests/nsrun_faults.c
tests_nsrun_CFLAGS = $(WARN_CFLAGS)
tests_nsrun_LDFLAGS =
tests_nsrun_LDADD =
# runs the agent alone and prints what it reports
tests_pg_agent_tool_LDADD = libpidone.a libpure.a $(INIH_LIBS) $(PQ_LIBS)
tests_ns_count_allocations_so_SOURCES = tests/ns/count_allocations.c
tests_ns_count_allocations_so_CFLAGS = $(WARN_CFLAGS) -fPIC
tests_ns_count_allocations_so_LDFLAGS = -shared
tests_ns_count_allocations_so_LDADD =
# never sanitized: it shall start quickly
tests_ns_puppet_SOURCES = tests/ns/puppet.c
tests_ns_puppet_CFLAGS = $(WARN_CFLAGS)
tests_ns_puppet_LDFLAGS =
tests_ns_puppet_LDADD =
tests_ns_fast_clock_so_SOURCES = tests/ns/fast_clock.c
tests_ns_fast_clock_so_CFLAGS = $(WARN_CFLAGS) -fPIC
tests_ns_fast_clock_so_LDFLAGS = -shared
tests_ns_fast_clock_so_LDADD =
tests_fuzz_fuzz_command_SOURCES = tests/fuzz/fuzz_command.c tests/fuzz/replay.c
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/replay.c
tests_fuzz_fuzz_conninfo_SOURCES = tests/fuzz/fuzz_conninfo.c tests/fuzz/replay.c
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c tests/fuzz/replay.c
tests_fuzz_fuzz_listening_SOURCES = tests/fuzz/fuzz_listening.c tests/fuzz/replay.c
tests_fuzz_fuzz_message_SOURCES = tests/fuzz/fuzz_message.c tests/fuzz/replay.c
tests_fuzz_fuzz_plan_SOURCES = tests/fuzz/fuzz_plan.c tests/fuzz/replay.c
tests_fuzz_fuzz_sd_notify_SOURCES = tests/fuzz/fuzz_sd_notify.c tests/fuzz/replay.c

# ---- scripts ----

# what takes minutes begins first
script_tests = \
	tests/image/test_docker.py \
	tests/cluster/test_run.py \
	tests/cluster/test_releases.py \
	tests/app/test_servers.py \
	tests/app/test_celery.py \
	tests/app/test_django_q.py \
	tests/app/test_rq.py \
	tests/app/test_quickstart.py \
	tests/app/test_reach.py \
	tests/app/test_site.py \
	tests/package/test_debian.py \
	tests/peers/test_peers.py \
	tests/ns/test_faults.py \
	tests/pg/test_lock.py \
	tests/pg/test_migrations.py \
	tests/pg/test_names.py \
	tests/pg/test_once.py \
	tests/pg/test_readiness.py \
	tests/pg/test_roles.py \
	tests/pg/test_secrets.py \
	tests/pg/test_sources.py \
	tests/pg/test_takeover.py \
	tests/pg/test_wait.py \
	tests/pg/test_wait_migrations.py \
	tests/package/test_completions.py \
	tests/package/test_hardening.py \
	tests/package/test_install.py \
	tests/static/test_static.py \
	tests/chart/test_contract.py \
	tests/chart/test_admission.py \
	tests/chart/test_border.py \
	tests/chart/test_check.py \
	tests/chart/test_gitops.py \
	tests/chart/test_docs.py \
	tests/chart/test_hoster.py \
	tests/chart/test_injection.py \
	tests/cluster/test_controllers.py \
	tests/cluster/test_kubelet.py \
	tests/chart/test_links.py \
	tests/chart/test_monitoring.py \
	tests/chart/test_network.py \
	tests/chart/test_plain.py \
	tests/chart/test_nfs.py \
	tests/chart/test_pods.py \
	tests/chart/test_postgres.py \
	tests/chart/test_render.py \
	tests/chart/test_schema.py \
	tests/chart/test_tenant.py \
	tests/chart/test_tenant_network.py \
	tests/chart/test_tools.py \
	tests/chart/test_typed.py \
	tests/model/table \
	tests/fuzz/run-corpus \
	tests/image/test_dockerfiles.py \
	tests/lint/keys-documented \
	tests/lint/test_docs.py \
	tests/lint/test_source.py \
	tests/lint/test_texts.py \
	tests/ns/test_checks.py \
	tests/ns/test_command_line.py \
	tests/ns/test_configuration.py \
	tests/ns/test_anywhere.py \
	tests/ns/test_endpoints.py \
	tests/ns/test_harness.py \
	tests/ns/test_hostile.py \
	tests/ns/test_kubernetes.py \
	tests/ns/test_life.py \
	tests/ns/test_metrics.py \
	tests/ns/test_notify.py \
	tests/ns/test_pid1.py \
	tests/ns/test_privileges.py \
	tests/ns/test_pressure.py \
	tests/ns/test_reach.py \
	tests/ns/test_processes.py \
	tests/ns/test_signals.py \
	tests/ns/test_status.py \
	tests/ns/test_stop.py \
	tests/ns/test_supervisor.py \
	tests/ns/test_terminal.py \
	tests/ns/test_wait.py

# ---- the benchmark: `make bench`, and never a test ----

# built for `make bench` only (but orphans, which a test runs, too), and never sanitized
EXTRA_PROGRAMS = \
	tests/bench/handler \
	tests/bench/latency \
	tests/bench/probes \
	tests/bench/reap \
	tests/bench/spawn \
	tests/bench/stamp

tests_bench_handler_SOURCES = tests/bench/handler.c tests/bench/bench.h
tests_bench_handler_CFLAGS = $(WARN_CFLAGS)
tests_bench_handler_LDFLAGS =
tests_bench_handler_LDADD =
tests_bench_latency_SOURCES = tests/bench/latency.c tests/bench/bench.h
tests_bench_latency_CFLAGS = $(WARN_CFLAGS)
tests_bench_latency_LDFLAGS =
tests_bench_latency_LDADD =
tests_bench_orphans_SOURCES = tests/bench/orphans.c tests/bench/bench.h
tests_bench_orphans_CFLAGS = $(WARN_CFLAGS)
tests_bench_orphans_LDFLAGS =
tests_bench_orphans_LDADD =
tests_bench_probes_SOURCES = tests/bench/probes.c tests/bench/bench.h
tests_bench_probes_CFLAGS = $(WARN_CFLAGS)
tests_bench_probes_LDFLAGS =
tests_bench_probes_LDADD =
tests_bench_reap_SOURCES = tests/bench/reap.c tests/bench/bench.h
tests_bench_reap_CFLAGS = $(WARN_CFLAGS)
tests_bench_reap_LDFLAGS =
tests_bench_reap_LDADD =
tests_bench_spawn_SOURCES = tests/bench/spawn.c tests/bench/bench.h
tests_bench_spawn_CFLAGS = $(WARN_CFLAGS)
tests_bench_spawn_LDFLAGS =
tests_bench_spawn_LDADD =
tests_bench_stamp_SOURCES = tests/bench/stamp.c tests/bench/bench.h
tests_bench_stamp_CFLAGS = $(WARN_CFLAGS)
tests_bench_stamp_LDFLAGS =
tests_bench_stamp_LDADD =
CLEANFILES = $(EXTRA_PROGRAMS)

bench_scripts = \
	tests/bench/figures.py \
	tests/bench/contenders.py \
	tests/bench/page_maker.py \
	tests/bench/pages.py \
	tests/bench/reaping.py \
	tests/bench/report.py \
	tests/bench/report_postgres.py \
	tests/bench/report_probes.py \
	tests/bench/run-bench.py \
	tests/bench/run-bench-postgres.py \
	tests/bench/run-bench-probes.py \
	tests/bench/running.py \
	tests/bench/startup.py
EXTRA_DIST += $(bench_scripts) doc/bench.md doc/bench-postgres.md doc/bench-probes.md

# PIDONE_BIN=FILE: another binary. BENCH_FLAGS=--quick: half a minute, only printed.
BENCH_FLAGS =
bench_environment = \
	PIDONE_BIN="$${PIDONE_BIN:-$(abs_top_builddir)/pidone}"; export PIDONE_BIN; \
	STATIC_DIR='$(abs_top_builddir)/bench-static'; export STATIC_DIR; \
	NSRUN_BIN='$(abs_top_builddir)/tests/nsrun'; export NSRUN_BIN; \
	PYTHONPATH='$(abs_top_srcdir)/tests'; export PYTHONPATH; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE;
.PHONY: bench bench-inits bench-postgres bench-probes
bench: bench-inits bench-postgres bench-probes
bench-inits: pidone tests/nsrun tests/bench/orphans $(EXTRA_PROGRAMS)
	'$(abs_top_srcdir)/contrib/static/build' --output bench-static
	@$(bench_environment) $(PYTHON3) '$(abs_top_srcdir)/tests/bench/run-bench.py' \
		--output '$(abs_top_srcdir)/doc/bench.md' $(BENCH_FLAGS)
bench-postgres: pidone $(EXTRA_PROGRAMS)
	@$(bench_environment) $(PYTHON3) '$(abs_top_srcdir)/tests/bench/run-bench-postgres.py' \
		--output '$(abs_top_srcdir)/doc/bench-postgres.md' $(BENCH_FLAGS)
bench-probes: pidone $(EXTRA_PROGRAMS)
	@$(bench_environment) $(PYTHON3) '$(abs_top_srcdir)/tests/bench/run-bench-probes.py' \
		--output '$(abs_top_srcdir)/doc/bench-probes.md' $(BENCH_FLAGS)
