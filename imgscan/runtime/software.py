"""Where well-known software writes: from the images and documentation of each project.

A place counts where the image has it, or where `needed` says that the program makes it itself.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Software:
    """A program by the names it is started under. Paths are absolute; `~` is the user's home, `.` the WORKDIR."""

    title: str
    names: tuple[str, ...]
    tmpfs: tuple[str, ...] = ()
    """Run files, caches, logs: nothing that must survive."""
    data: tuple[str, ...] = ()
    """What must survive: a volume."""
    executes: tuple[str, ...] = ()
    """Those of `tmpfs` from which it loads programs or libraries."""
    needed: tuple[str, ...] = ()
    """Those that are made where the image does not have them."""
    wants_root: tuple[str, ...] = ()
    """Capabilities with which it starts as root and hands over to workers; empty where it need not be root."""


SOFTWARE: tuple[Software, ...] = (
    Software(
        "nginx", ("nginx", "nginx-debug", "openresty"),
        tmpfs=("/var/cache/nginx", "/var/lib/nginx", "/var/log/nginx", "/usr/local/openresty/nginx/logs", "/run"),
        needed=("/run",),
    ),
    Software(
        "Apache httpd", ("httpd", "apache2", "apache2-foreground", "apachectl", "apache2ctl", "httpd-foreground"),
        tmpfs=("/usr/local/apache2/logs", "/var/run/apache2", "/var/lock/apache2", "/var/log/apache2", "/run"),
        needed=("/run",),
    ),
    Software(
        "PostgreSQL", ("postgres", "pg_ctl", "docker-ensure-initdb.sh"),
        tmpfs=("/var/run/postgresql",), data=("/var/lib/postgresql/data", "/var/lib/postgresql"),
    ),
    Software(
        "MySQL", ("mysqld", "mariadbd", "mysqld_safe", "mariadbd-safe"),
        tmpfs=("/var/run/mysqld", "/run/mysqld", "/run/mariadb"), data=("/var/lib/mysql",),
    ),
    Software("Redis", ("redis-server", "valkey-server", "keydb-server"), data=("/data", "/var/lib/redis")),
    Software("MongoDB", ("mongod", "mongos"),
             tmpfs=("/var/run/mongodb",), data=("/data/db", "/data/configdb", "/var/lib/mongodb")),
    Software("RabbitMQ", ("rabbitmq-server",), tmpfs=("/var/log/rabbitmq",), data=("/var/lib/rabbitmq",)),
    Software("Elasticsearch", ("elasticsearch", "opensearch", "eswrapper"),
             tmpfs=("/usr/share/elasticsearch/logs", "/usr/share/opensearch/logs"),
             data=("/usr/share/elasticsearch/data", "/usr/share/opensearch/data")),
    Software("Cassandra", ("cassandra",), tmpfs=("/var/log/cassandra",), data=("/var/lib/cassandra",)),
    Software("ZooKeeper", ("zkServer.sh",), tmpfs=("/logs",), data=("/data", "/datalog")),
    Software("etcd", ("etcd",), data=("/etcd-data", "/var/lib/etcd")),
    Software("Consul", ("consul",), data=("/consul/data",)),
    Software("Vault", ("vault", "bao"), tmpfs=("/vault/logs",), data=("/vault/file",)),
    Software("MinIO", ("minio",), data=("/data",)),
    Software("InfluxDB", ("influxd",), data=("/var/lib/influxdb", "/var/lib/influxdb2")),
    Software("Prometheus", ("prometheus",), data=("/prometheus",)),
    Software("Alertmanager", ("alertmanager",), data=("/alertmanager",)),
    Software("Grafana", ("grafana", "grafana-server", "run.sh"),
             tmpfs=("/var/log/grafana",), data=("/var/lib/grafana",)),
    Software("Caddy", ("caddy",), data=("/data", "/config")),
    Software("HAProxy", ("haproxy",), tmpfs=("/var/lib/haproxy", "/run"), needed=("/run",)),
    Software("Squid", ("squid",), tmpfs=("/var/spool/squid", "/var/log/squid", "/run"), needed=("/run",)),
    Software("Varnish", ("varnishd",), tmpfs=("/var/lib/varnish",), executes=("/var/lib/varnish",)),
    Software("BIND", ("named",), tmpfs=("/run/named", "/var/cache/bind", "/run"), needed=("/run",)),
    Software("PHP", ("php-fpm", "php-fpm8", "php"), tmpfs=("/var/run/php", "/run/php", "/var/lib/php/sessions")),
    Software("Tomcat", ("catalina.sh",),
             tmpfs=("/usr/local/tomcat/logs", "/usr/local/tomcat/temp", "/usr/local/tomcat/work")),
    Software("Jetty", ("jetty.sh",), tmpfs=("/tmp/jetty", "/var/lib/jetty/logs")),  # noqa: S108
    Software("Java", ("java",), executes=("/tmp",)),  # noqa: S108
    Software("Jenkins", ("jenkins.sh",), data=("/var/jenkins_home",), executes=("/tmp",)),  # noqa: S108
    Software("npm", ("npm", "npx", "pnpm", "yarn", "yarnpkg"), tmpfs=("~/.npm", "~/.cache"), needed=("~/.npm",)),
    Software("Next.js", ("next",), tmpfs=("./.next/cache",)),
    Software("Rails", ("rails", "puma", "bundle", "rackup"), tmpfs=("./tmp", "./log")),
    Software("uWSGI", ("uwsgi",), tmpfs=("/run",), needed=("/run",)),
    Software("Supervisor", ("supervisord",), tmpfs=("/var/log/supervisor", "/run"), needed=("/run",)),
    Software("s6-overlay", ("init", "s6-svscan"), tmpfs=("/run",), executes=("/run",), needed=("/run",)),
    Software("sshd", ("sshd",),
             tmpfs=("/run",), needed=("/run",), wants_root=("SYS_CHROOT", "SETUID", "SETGID")),
    Software("cron", ("cron", "crond", "dcron"),
             tmpfs=("/run",), needed=("/run",), wants_root=("SETUID", "SETGID")),
)  # fmt: skip

CACHE_VARIABLES = frozenset(
    {
        *("TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "npm_config_cache", "NPM_CONFIG_CACHE"),
        *("YARN_CACHE_FOLDER", "PIP_CACHE_DIR", "UV_CACHE_DIR", "POETRY_CACHE_DIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"),
        *("DENO_DIR", "GOCACHE", "PYTHONPYCACHEPREFIX", "FONTCONFIG_CACHE", "HF_HOME", "TRANSFORMERS_CACHE"),
        *("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir", "PUPPETEER_CACHE_DIR", "COMPOSER_CACHE_DIR"),
    }
)
"""Variables that name a directory for what need not survive."""
DATA_VARIABLES = frozenset({"PGDATA", "MYSQL_DATADIR", "MARIADB_DATADIR", "RABBITMQ_MNESIA_BASE", "GF_PATHS_DATA"})
SCRATCH_NAMES = frozenset({"tmp", "temp", "log", "logs", "cache", ".cache", "run", "sessions"})
"""Directories of an application that, empty in the image and writable for its user, are there to be written to."""
DATA_NAMES = frozenset({"data", "uploads", "upload", "storage", "media", "db", "state"})
