"""gunicorn settings: few processes, some threads. Preloading shares the code's memory between workers."""

import os

workers = int(os.environ.get("GATEHOUSE_WEB_WORKERS", "2"))
threads = int(os.environ.get("GATEHOUSE_WEB_THREADS", "4"))
worker_class = "gthread"
preload_app = True
timeout = 60
graceful_timeout = 10
keepalive = 5
limit_request_line = 8190
accesslog = None
control_socket_disable = True
