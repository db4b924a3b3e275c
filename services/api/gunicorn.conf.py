"""Gunicorn's settings, the same on a laptop and in production. See bookshelf/settings.py for what can be set."""

import ipaddress
import math
import os
import socket
import struct
import sys
import tempfile
import time
from http import HTTPStatus
from pathlib import Path

# The metrics of all workers meet in files here. prometheus_client looks at the variable when it is first imported.
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="bookshelf-metrics-"))

import gunicorn.util
from bookshelf import health
from bookshelf.errors import ProblemError, problem
from bookshelf.settings import SettingsError, load_settings
from prometheus_client import multiprocess

IDLE_SECONDS = 10


def cpu_limit():
    """CPUs that this container may use (cgroup v2, then v1), or else those of the machine."""
    for quota_file, period_file in (
        ("/sys/fs/cgroup/cpu.max", None),
        ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
    ):
        try:
            quota, *period = Path(quota_file).read_text().split()
            if quota not in ("max", "-1"):
                return int(quota) / int(period[0] if period else Path(period_file).read_text())
        except (OSError, ValueError):
            continue
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


try:
    settings = load_settings()
except SettingsError as error:
    sys.exit(f"bookshelf: {error}")

wsgi_app = "bookshelf:create_app()"
bind = settings.bind
worker_class = "gthread"
workers = settings.web_concurrency or max(1, math.ceil(cpu_limit()))
threads = settings.threads
preload_app = True  # A mistake stops the start once, before any worker, and workers share memory.
keepalive = 75  # Longer than a load balancer keeps an idle connection (ALB: 60 s), so that it is the one to close.
graceful_timeout = 25
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - A heartbeat must not wait for a disk.
control_socket_disable = True
forwarded_allow_ips = ""  # Proxies are trusted by PROXY_HOPS alone.
logger_class = "bookshelf.logs.GunicornLogger"
loglevel = settings.log_level
accesslog = "-"


def on_starting(server):
    """Refuse to be open to writers from elsewhere by accident, and serve on for a while after SIGTERM."""
    exposed = [str(address) for address in server.cfg.address if not is_loopback(address)]
    if exposed and not settings.api_token_hashes and not settings.allow_anonymous_writes:
        sys.exit(
            f"bookshelf: refusing to listen on {', '.join(exposed)}, where anybody could write: "
            "set API_TOKEN_HASHES, or ALLOW_ANONYMOUS_WRITES=true"
        )
    server.handle_term = lambda: drain(server)


def when_ready(server):
    """Let no client hold a thread by neither sending nor taking anything.

    Connections inherit these timeouts from the socket that accepts them, which costs a request nothing.
    """
    limit = struct.pack("ll", IDLE_SECONDS, 0)
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def is_loopback(address):
    """Whether only this machine reaches `address`, a Unix socket's path or a host and a port."""
    if isinstance(address, str):
        return True
    host = address[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def drain(server):
    """Turn readiness false, go on for DRAIN_SECONDS, and then stop when the requests in flight have ended."""
    server.log.info("draining for %g s", settings.drain_seconds)
    health.drain()
    time.sleep(settings.drain_seconds)
    raise StopIteration  # As Gunicorn's own handler: leave the main loop gracefully.


def pre_request(worker, req):
    """While draining, ask each client to go and connect anew: to another pod, behind a Service."""
    if health.is_draining():
        req.force_close()


def child_exit(server, worker):
    """Forget the gauges of a worker that is gone; what it counted stays."""
    multiprocess.mark_process_dead(worker.pid)


def write_problem(sock, status_int, reason, mesg):
    """Answer what is no HTTP at all, which no application gets to see, as everything else is answered."""
    response = problem(ProblemError(HTTPStatus(status_int), mesg or reason))
    body = response.get_data()
    head = (
        f"HTTP/1.1 {response.status}\r\nConnection: close\r\n"
        f"Content-Type: {response.content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    gunicorn.util.write_nonblock(sock, head.encode() + body)


gunicorn.util.write_error = write_problem
