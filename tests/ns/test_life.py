#!/usr/bin/python3
"""Life of a container: contract §4, as PID 1 of a pid namespace of its own."""
import os
import signal
import time

import harness
from harness import Pidone, finished, wait_until
from programs import END_ON_TERM, listener, process_called, program


def test_exit_code_is_the_main_processes_own():
    """exit codes: the main process's own; 128+N for a signal"""
    for command, code in (("sh -c 'exit 0'", 0), ("sh -c 'exit 42'", 42),
                          ("sh -c 'kill -9 $$'", 137), ("sh -c 'kill -15 $$'", 143)):
        assert finished(["/run"], config="[run]\ncommand = %s\n" % command)[0] == code
        plain = ["sh", "-c", command.split("'")[1]]
        assert finished(plain)[0] == code


def test_success_codes():
    """`success-codes` maps listed codes to 0"""
    config = "[run]\ncommand = sh -c 'exit 42'\nsuccess-codes = 42 43\n"
    assert finished(["/run"], config=config)[0] == 0


@harness.bare  # valgrind keeps fault signals for itself
def test_every_signal_is_forwarded():
    """all other signals sent to pidone are forwarded, realtime and fault signals included"""
    p = Pidone(["/run"], config="[run]\ncommand = %s\n" % listener(END_ON_TERM))
    p.expect("^up")
    numbers = [1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16, 20, 21, 22, 23, 24, 25, 26, 27, 28,
               29, 30, 31, 34, 35, 50, 63, 64]
    for number in numbers:
        p.signal(number)
        name = signal.Signals(number).name if number < 32 else str(number)
        p.expect("^got %s$" % name)
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


def test_signal_map_and_stop_signal():
    """signal.X = Y | none; stop-signal is what a stop sends"""
    p = Pidone(["/run"], config="[run]\nsignal.HUP = USR2\nsignal.USR1 = none\n"
               "stop-signal = QUIT\ncommand = %s\n" % listener("sys.exit(7) if s == 3 else None"))
    p.expect("^up")
    p.signal(signal.SIGUSR1)
    p.signal(signal.SIGHUP)
    assert p.expect("^got ") is not None
    assert "got SIGUSR2" in p.output() and "got SIGUSR1" not in p.output()
    p.signal(signal.SIGTERM)
    assert p.wait() == 7
    assert "got SIGTERM" not in p.output()


def test_zombies_are_reaped():
    """zombies of any descendant are reaped"""
    p = Pidone(["/run"], config="[run]\ncommand = sh -c 'for i in 1 2 3 4 5 6 7 8; do "
               "(true &) ; done; echo up; exec sleep 1000'\n")
    p.expect("^up")

    def no_zombies():
        states = [harness.process_state(pid) for pid in p.inside()]
        return "Z" not in states and len(states) >= 1
    wait_until(no_zombies, 5)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_stop_signal_goes_to_the_main_only():
    """the stop signal goes to each process's main pid only"""
    command = program("pid = os.fork()\n"
                      "def got(s, f):\n"
                      "    print('child' if pid == 0 else 'main', 'got', s)\n"
                      "    if pid:\n"
                      "        os.kill(pid, 9)\n"
                      "        sys.exit(0)\n"
                      "signal.signal(15, got)\n"
                      "os.write(1, b'up\\n')\n"
                      "while True:\n"
                      "    signal.pause()\n")
    p = Pidone(["/run"], config="[run]\ncommand = %s\n" % command)
    p.expect("^up")
    p.expect("^up")
    p.signal(signal.SIGTERM)
    assert p.wait() == 0
    assert "main got 15" in p.output() and "child got" not in p.output(), p.output()


def test_what_is_left_gets_term_then_kill():
    """what is left when the mains ended, orphans in other sessions included, gets TERM, then KILL"""
    orphan = program("signal.signal(15, lambda s, f: print('orphan got TERM'))\n"
                     "print('orphan up')\n"
                     "while True:\n"
                     "    signal.pause()\n")
    command = "sh -c '(setsid %s &) ; read x; exit 4'" % orphan
    p = Pidone(["/run"], config="[run]\nstop-grace = 500ms\ncommand = %s\n" % command,
               stdin=harness.subprocess.PIPE)
    p.expect("orphan up")
    p.popen.stdin.close()
    p.expect("orphan got TERM")
    assert p.wait() == 4
    assert p.inside() == []


def test_leaves_the_moment_the_last_child_is_gone():
    """the supervisor leaves the moment the last child is gone, not at the end of the grace"""
    p = Pidone(["/run"], config="[run]\nstop-grace = 1h\ncommand = %s\n" % listener(END_ON_TERM))
    p.expect("^up")
    begin = time.monotonic()
    p.signal(signal.SIGTERM)
    assert p.wait() == 0
    assert time.monotonic() - begin < 2 * harness.SLOW


def test_kill_at_the_end_of_the_grace():
    """KILL at the end of `stop-grace`"""
    p = Pidone(["/run"], config="[run]\nstop-grace = 300ms\ncommand = %s\n" % listener())
    p.expect("^up")
    p.signal(signal.SIGTERM)
    p.expect("^got SIGTERM")
    assert p.wait() == 137
    assert "sent KILL" in p.output()


def test_stopped_process_is_stopped_all_the_same():
    """a stopped (T) process is continued, so that it can act on the stop signal"""
    p = Pidone(["/run"], config="[run]\ncommand = %s\n" % listener(END_ON_TERM))
    p.expect("^up")
    main = process_called(p, "python3")
    os.kill(main, signal.SIGSTOP)
    wait_until(lambda: harness.process_state(main) == "T", 5)
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


def test_drain():
    """readiness fails at once, `drain` runs while the app still serves, then the stop signal"""
    p = Pidone(["/run"], config="[run]\ndrain = 700ms\ncommand = %s\n" % listener(END_ON_TERM))
    p.expect("^up")
    p.until("/readyz", 200)
    begin = time.monotonic()
    p.signal(signal.SIGTERM)
    p.until("/readyz", 503, 0.6 * harness.SLOW)
    assert p.http("/livez")[0] == 200
    assert "got SIGTERM" not in p.output()
    assert p.wait() == 0
    assert time.monotonic() - begin >= 0.69


def test_second_term_ends_the_drain_and_is_not_forwarded():
    """later ones end the drain but are not forwarded"""
    p = Pidone(["/run"], config="[run]\ndrain = 1h\ncommand = %s\n" %
               listener("os.kill(1, 15) or sys.exit(0) if s == 10 else None"))
    p.expect("^up")
    p.signal(signal.SIGTERM)
    p.expect("serving on")
    p.signal(signal.SIGTERM)
    p.expect("^got SIGTERM")
    p.signal(signal.SIGTERM)
    p.signal(signal.SIGUSR1)
    p.expect("^got SIGUSR1")
    assert p.wait() == 0
    assert p.count("^got SIGTERM") == 1, p.output()


def test_one_shot_finishes_the_running_step():
    """TERM on a one-shot: no further step; the running step may finish; exit 143"""
    p = Pidone(["/init"], config="[init]\nstep = sh -c 'echo first; read x; echo first done'\n"
               "step = echo second\n", stdin=harness.subprocess.PIPE)
    p.expect("^first")
    p.signal(signal.SIGTERM)
    p.signal(signal.SIGTERM)
    p.popen.stdin.close()
    assert p.wait() == 143
    assert "first done" in p.output() and "\nsecond" not in p.output(), p.output()


def test_one_shot_whose_every_step_had_run_exits_zero():
    """exit 143 unless every step had run"""
    p = Pidone(["/init"], config="[init]\nstep = sh -c 'echo first; read x; echo done'\n",
               stdin=harness.subprocess.PIPE)
    p.expect("^first")
    p.signal(signal.SIGTERM)
    p.popen.stdin.close()
    assert p.wait() == 0
    assert "\ndone" in p.output()


def test_one_shot_step_that_does_not_end():
    """the running step may finish within `stop-grace`, then TERM"""
    p = Pidone(["/init"], config="[init]\nstop-grace = 200ms\nstep = sh -c 'echo up; sleep 1000'\n")
    p.expect("^up")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    assert "sent TERM to sh" in p.output()


def test_int_reaches_a_step_at_once():
    """INT (a person's Ctrl-C) is forwarded at once"""
    p = Pidone(["/init"], config="[init]\nstep = %s\n" %
               listener("sys.exit(9) if s == 2 else None"))
    p.expect("^up")
    p.signal(signal.SIGINT)
    p.expect("^got SIGINT")
    assert p.wait() == 130


def test_step_timeout():
    """124 step timeout"""
    code, out = finished(["/init"], config="[init]\nstep-timeout = 300ms\nstep = sleep 1000\n")
    assert code == 124, out
    assert "step-timeout" in out, out


def test_failed_step():
    """a step that fails ends the role with its code; no further step runs"""
    code, out = finished(["/init"], config="[init]\nstep = sh -c 'exit 3'\nstep = echo second\n")
    assert code == 3 and "\nsecond" not in out, out


def test_step_retries():
    """step-retries: a failed step is tried again"""
    code, out = finished(["/init"], config="[init]\nstep-retries = 1\nstep = sh -c 'echo try; "
                         "test -e seen || { touch seen; exit 1; }'\n")
    assert code == 0 and out.count("try\n") == 2, out


def test_first_essential_end_decides():
    """the first essential end decides the exit code, and the others are stopped"""
    p = Pidone(["/web"], config="[web]\ncommand = %s\nprocess.side = sh -c 'read x; exit 6'\n" %
               listener(END_ON_TERM), stdin=harness.subprocess.PIPE)
    p.expect("^up")
    p.popen.stdin.close()
    assert p.wait() == 6
    assert "got SIGTERM" in p.output()


def test_optional_process_may_end():
    """essential.NAME = no: its end ends nothing"""
    p = Pidone(["/web"], config="[web]\ncommand = %s\nprocess.side = true\n"
               "essential.side = no\n" % listener(END_ON_TERM))
    p.expect("^up")
    p.expect("true .* exited with 0")
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


def test_restart_with_backoff():
    """restart = always with a delay that doubles; /async does so by default"""
    p = Pidone(["/async"], config="[async]\nrestart-delay = 50ms\ncommand = sh -c 'exit 1'\n")
    delays = [int(p.expect("starting sh again in").split()[-2]) for _ in range(4)]
    assert all(a < b for a, b in zip(delays, delays[1:])), delays
    p.signal(signal.SIGTERM)
    assert p.wait() in (1, 143)


def test_only_main_signals_end_a_wait():
    """before the command has started only TERM, INT, QUIT and HUP act: exit 128+N"""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        p = Pidone(["/run"], config="[run]\ncommand = true\nwait = tcp://127.0.0.1:1\n")
        p.expect("waiting for tcp://127.0.0.1:1")
        p.signal(signal.SIGUSR1)
        p.signal(number)
        assert p.wait() == 128 + number


def test_wait_timeout():
    """at a deadline exit 69 with the last reason"""
    p = Pidone(["/run"], config="[run]\ncommand = true\nwait = tcp://127.0.0.1:1\n"
               "wait-timeout = 400ms\n")
    assert p.wait() == 69
    assert "tcp://127.0.0.1:1" in p.termination_log and "refused" in p.termination_log, \
        p.termination_log


def test_plain_command_is_what_tini_does():
    """a plain command: TERM and INT go to it as they come, each time; no stop-grace"""
    p = Pidone(["--"] + ["/usr/bin/python3", "-u", "-c",
                         "import signal\nn=[0]\n"
                         "def got(s,f):\n  print('got',s); n[0]+=1\n  if n[0]==3: exit(3)\n"
                         "signal.signal(15,got); signal.signal(2,got)\nprint('up')\n"
                         "while True: signal.pause()"])
    p.expect("^up")
    for number in (15, 2, 15):
        p.signal(number)
        p.expect("^got %d" % number)
    assert p.wait() == 3


def test_children_get_what_the_supervisor_was_given():
    """mask, ignored signals, descriptors and the working directory reach the command"""
    read_fd, write_fd = os.pipe()
    p = Pidone(["sh", "-c", "grep -E 'SigBlk|SigIgn' /proc/self/status; pwd; ls /proc/self/fd; "
                "echo hello > /proc/self/fd/%d" % write_fd], pass_fds=(write_fd,))
    os.close(write_fd)
    assert p.wait() == 0
    assert os.read(read_fd, 100) == b"hello\n"
    assert "SigBlk:\t0000000000000000" in p.output(), p.output()
    assert "/app" in p.output()


def test_supervisor_sits_in_the_root():
    """the supervisor sits in `/` and holds nothing of the working directory, so that no mount
    is kept busy"""
    cwd = harness.tmp + "/work"
    os.mkdir(cwd)
    p = Pidone(["/run"], cwd=cwd, config="[run]\ncommand = sleep 1000\n")
    p.expect("ready")
    main = process_called(p, "sleep")
    assert os.path.samefile("/proc/%d/cwd" % main, cwd)
    assert os.path.samefile("/proc/%d/cwd" % p.pid, "/proc/%d/root" % p.pid)
    for fd in os.listdir("/proc/%d/fd" % p.pid):
        assert not os.path.samefile("/proc/%d/fd/%s" % (p.pid, fd), cwd), fd
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


@harness.bare  # valgrind holds descriptors, too
def test_closes_inherited_descriptors():
    """it closes inherited descriptors at the last start that could need them (never 0–2)"""
    read_fd, write_fd = os.pipe()
    pipe = os.readlink("/proc/self/fd/%d" % write_fd)
    p = Pidone(["/run"], pass_fds=(write_fd,), config="[run]\ncommand = sleep 1000\n")
    p.expect("ready")

    def holds(pid):
        for fd in os.listdir("/proc/%d/fd" % pid):
            try:
                if os.readlink("/proc/%d/fd/%s" % (pid, fd)) == pipe:
                    return True
            except OSError:
                pass  # closed between the list and the look
        return False
    wait_until(lambda: not holds(p.pid), 5, "PID 1 to close the pipe")
    wait_until(lambda: any(holds(pid) for pid in p.inside()), 5, "the command to hold the pipe")
    os.close(read_fd)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_not_pid_1_is_a_subreaper_without_a_warning():
    """not PID 1: becomes a subreaper, without a warning; orphans are stopped too"""
    p = Pidone(["/run"], pid1=False, config="[probes]\nlisten = none\n[run]\nstop-grace = 2s\n"
               "command = sh -c '(setsid sleep 1000 &); echo up; exec sleep 1000'\n")
    p.expect("^up")
    wait_until(lambda: len(p.inside()) >= 2, 5)
    before = p.inside()
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    assert "warning" not in p.output(), p.output()
    wait_until(lambda: all(harness.process_state(pid) in ("Z", "") for pid in before), 5)


def test_output_is_inherited_never_piped():
    """the children's output is theirs: inherited, never piped"""
    p = Pidone(["/run"], config="[run]\ncommand = sleep 1000\n")
    p.expect("ready")
    main = process_called(p, "sleep")
    for fd in (0, 1, 2):
        ours, theirs = (os.stat("/proc/%d/fd/%d" % (pid, fd)) for pid in (p.pid, main))
        assert (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_signal_during_boot():
    """no signal is lost from the first statement of main on: nothing is started after it"""
    def have_one_pending():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        sender = os.fork()
        if sender == 0:
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(0)
        os.waitpid(sender, 0)
    p = Pidone(["/init"], pid1=False, preexec_fn=have_one_pending,
               config="[init]\nstep = echo started\n")
    assert p.wait() == 143
    assert p.stdout == "", p.stdout


def test_unknown_user():
    """an unknown user or group: exit 78 with the place, before anything is started"""
    for key in ("user", "group"):
        code, out = finished(["/run"], config="[run]\ncommand = id\n%s = nobodyy\n" % key)
        assert code == 78, out
        assert "pidone.ini:3: there is no %s 'nobodyy'" % key in out, out
        assert "started" not in out, out


def test_reason_is_of_this_end():
    """the reason of an earlier failure does not end up in a later exit"""
    p = Pidone(["/async"], config="[async]\nrestart-delay = 50ms\n"
               "command = sh -c 'test -e seen && exec sleep 1000; touch seen; exit 7'\n")
    process_called(p, "sleep")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    assert "exit 143: sh was ended by TERM" in p.termination_log, p.termination_log
    p = Pidone(["/run"], config="[run]\ncommand = true\nwait = tcp://127.0.0.1:1\n")
    p.expect("waiting for")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    assert "stopped by TERM while waiting for tcp://127.0.0.1:1" in p.termination_log, \
        p.termination_log


def test_hanging_process_is_killed_with_its_group():
    """on-live-failure = restart: a process that hangs is killed with what it started"""
    hung = program("if os.fork() == 0:\n    os.execvp('sleep', ['sleep', '1077'])\n"
                   "signal.signal(15, signal.SIG_IGN)\nprint('up')\n"
                   "while True:\n    signal.pause()\n")
    p = Pidone(["/worker"], config="[worker]\ncommand = %s\nlive = tcp://127.0.0.1:1\n"
               "on-live-failure = restart\ncheck-interval = 100ms\ncheck-failures = 2\n"
               "stop-grace = 200ms\nrestart-delay = 50ms\n" % hung)
    for _ in range(3):
        p.expect("^up", 10)
    sleeping = [pid for pid in p.inside() if harness.command_name(pid) == "sleep"]
    assert len(sleeping) <= 1, sleeping
    p.signal(signal.SIGTERM)
    assert p.wait() in (137, 143)


@harness.bare  # valgrind says something when a signal ends a child, and waits for stderr
def test_full_stderr_costs_lines_not_time():
    """logging never blocks: a full pipe costs log lines, not the supervisor's time"""
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    try:
        while True:
            os.write(write_fd, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(write_fd, True)
    p = Pidone(["/run"], stderr=write_fd, config="[run]\ncommand = sleep 1000\n")
    p.until("/readyz", 200)
    page = p.status_page()
    assert page["log_lines_dropped"] >= 1, page
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    assert not os.get_blocking(write_fd) is False, "the app's stderr was made non-blocking"
    os.close(read_fd)


@harness.bare  # valgrind writes into /tmp
def test_works_without_privilege():
    """works non-root, with any UID without passwd entry, no capabilities, a read-only root"""
    p = Pidone(["/run"], user=(1000680000, 0), nsrun=["--read-only"],
               config="[run]\ncommand = sh -c 'id -u; exec sleep 1000'\n")
    p.expect("^1000680000")
    p.until("/readyz", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_drops_privileges():
    """`user` and `group` drop privileges; umask and directory are set"""
    p = Pidone(["/run"], config="[run]\nuser = 12345\ngroup = 23456\numask = 027\n"
               "directory = /usr\nno-new-privs = yes\ncommand = sh -c 'id -u; id -g; "
               "id -G; umask; pwd; grep NoNewPrivs /proc/self/status'\n")
    assert p.wait() == 0, p.output()
    assert p.stdout == "12345\n23456\n23456\n0027\n/usr\nNoNewPrivs:\t1\n", p.stdout


def test_out_of_memory_is_named():
    """a kernel out-of-memory kill is named as such, with the limit"""
    v1 = os.path.isdir("/sys/fs/cgroup/memory")
    group = "%s/pidone-test-%d" % ("/sys/fs/cgroup/memory" if v1 else "/sys/fs/cgroup", os.getpid())
    os.mkdir(group)
    try:
        limits = {"memory.limit_in_bytes": 96 << 20, "memory.memsw.limit_in_bytes": 96 << 20} \
            if v1 else {"memory.max": 96 << 20, "memory.swap.max": 0}
        for name, value in limits.items():
            with open(group + "/" + name, "w", encoding="ascii") as file:
                file.write(str(value))
        with open(group + "/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(os.getpid()))
        hungry = program("data = []\nwhile True:\n    data.append(b'x' * (1 << 20))\n")
        p = Pidone(["/run"], config="[run]\ncommand = %s\n" % hungry)
        assert p.wait(20) == 137
        assert "was killed by the kernel: out of memory (limit 96 MiB)" in p.termination_log, \
            p.termination_log
    finally:
        parent = os.path.dirname(group) + "/cgroup.procs"
        with open(parent, "w", encoding="ascii") as file:
            file.write(str(os.getpid()))
        wait_until(lambda: harness.remove_directory(group), 5)


if __name__ == "__main__":
    harness.main()
