/* The part of /metrics that the kernel knows: of the command, under the names that every
 * client library of Prometheus uses, and of the control group's memory. What cannot be
 * seen is left out. */
#include "children/probe_answer.h"

#include "effect/usage.h"

static void add(struct probe_body *body, const char *name, const char *type, const char *help,
		int64_t value)
{
	if (value < 0)
		return; /* unknown, or no limit */
	probe_metrics_help(body, name, type, help);
	probe_body_add(body, "%s %lld\n", name, (long long)value);
}

static void add_time(struct probe_body *body, const char *name, const char *type, const char *help,
		     double seconds)
{
	probe_metrics_help(body, name, type, help);
	probe_body_add(body, "%s %.2f\n", name, seconds);
}

void probe_metrics_process(pid_t pid, struct probe_body *body)
{
	struct process_usage usage;
	if (!usage_read_process(pid, &usage))
		return;
	add_time(body, "process_cpu_seconds_total", "counter",
		 "CPU time of the command's main process, without its children.", usage.cpu_s);
	add_time(body, "process_start_time_seconds", "gauge",
		 "When the command's main process started.", usage.start_s);
	add(body, "process_resident_memory_bytes", "gauge",
	    "Resident memory of the command's main process.", usage.resident_bytes);
	add(body, "process_virtual_memory_bytes", "gauge",
	    "Virtual memory of the command's main process.", usage.virtual_bytes);
	add(body, "process_threads", "gauge", "Threads of the command's main process.",
	    usage.threads);
	add(body, "process_open_fds", "gauge", "Open descriptors of the command's main process.",
	    usage.open_fds);
	add(body, "process_max_fds", "gauge", "How many descriptors it may open.", usage.max_fds);
}

void probe_metrics_memory(struct probe_body *body)
{
	struct memory_usage usage;
	if (!usage_read_memory(&usage))
		return;
	add(body, "pidone_cgroup_memory_limit_bytes", "gauge",
	    "Memory limit of the container; missing if there is none.", usage.limit_bytes);
	add(body, "pidone_cgroup_memory_usage_bytes", "gauge",
	    "Memory that the container uses, with the page cache.", usage.used_bytes);
	add(body, "pidone_cgroup_oom_kills_total", "counter",
	    "Processes of the container that the kernel killed for want of memory.",
	    usage.oom_kills);
}
