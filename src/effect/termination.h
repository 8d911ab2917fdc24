/* The reason left behind for `kubectl describe pod`: /dev/termination-log, which
 * Kubernetes mounts; elsewhere it is not there and nothing is written. */
#pragma once

#include "base/base.h"

/* At boot: opens it if it exists (never creates it). */
void termination_open(void);
/* Replaces its content by one line; opens and allocates nothing. Kubernetes
 * reads at most 4 KiB; our reasons are far shorter. */
void termination_write(const char *reason);
