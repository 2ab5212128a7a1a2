"""A store for wolffia and for podman each, below one folder, and the Debian image of the end-to-end tests on a registry."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
BIN = os.environ.get("WOLFFIA_BIN_DIR", os.path.join(SOURCE, "build/release/bin"))


def sh(command, **kw):
    return subprocess.run(command, shell=isinstance(command, str), check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **kw).stdout.strip()


def timed(command, env=None):
    start = time.perf_counter()
    done = subprocess.run(command, shell=isinstance(command, str), env=env, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    took = (time.perf_counter() - start) * 1000
    if done.returncode != 0:
        raise SystemExit(f"{command}: exit {done.returncode}: {done.stderr.decode()[-500:]}")
    return took


class World:
    def __init__(self, work):
        self.work = tempfile.mkdtemp(prefix="wolffia-bench.", dir=work)
        os.chmod(self.work, 0o755)
        home = os.path.join(self.work, "home")
        for d in ("home/.config/containers", "home/.config/wolffia", "home/.docker", "data", "run", "peer"):
            os.makedirs(os.path.join(self.work, d), mode=0o700)
        self.env = dict(os.environ, HOME=home, XDG_DATA_HOME=self.work + "/data", XDG_CONFIG_HOME=home + "/.config",
                        XDG_RUNTIME_DIR=self.work + "/run", PATH=BIN + ":" + os.environ["PATH"])
        write = lambda path, text: open(os.path.join(home, ".config/containers", path), "w").write(text)
        # A session keyring for each container would soon be more than an ordinary user's quota of keys.
        write("containers.conf", '[containers]\nkeyring = false\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n')
        write("storage.conf", f'[storage]\ndriver = "overlay"\nrunroot = "{self.work}/run/peer"\n'
                              f'graphroot = "{self.work}/peer/storage"\n')
        write("policy.json", '{"default":[{"type":"insecureAcceptAnything"}]}')
        self.registry = None

    def w(self, *args):
        return sh([BIN + "/wolffia", *args], env=self.env)

    def podman(self, *args):
        return sh(["podman", *args], env=self.env)

    def time(self, *command):
        return lambda: timed(list(command), self.env)

    def start_registry(self):
        if self.registry:
            return
        script = (f'BATS_TEST_DIRNAME={SOURCE}/tests/integration/e2e; bats_require_minimum_version() {{ :; }}; '
                  f'WORLD={self.work}; . {SOURCE}/tests/integration/e2e/support.bash; set -e; layout=$(debian_layout); '
                  f'start_registry >/dev/null; push $layout debian:12; echo "$REGISTRY $CERTS $REGISTRY_PID $layout"')
        out = sh(["bash", "-c", script], env=dict(self.env, WOLFFIA_BIN_DIR=BIN))
        self.registry, self.certs, pid, self.layout = out.split()
        self.registry_pid = int(pid)
        auth = json.load(open(self.env["HOME"] + "/.docker/config.json"))
        json.dump(auth, open(self.env["HOME"] + "/.config/containers/auth.json", "w"))
        self.env["REGISTRY_AUTH_FILE"] = self.env["HOME"] + "/.config/containers/auth.json"

    def image(self):
        self.start_registry()
        return f"{self.registry}/debian:12"

    def peer_storage(self, name, mount_program):
        """A second podman with a store of its own; the environment that selects it."""
        conf = os.path.join(self.work, f"storage-{name}.conf")
        with open(conf, "w") as f:
            f.write(f'[storage]\ndriver = "overlay"\nrunroot = "{self.work}/run/{name}"\n'
                    f'graphroot = "{self.work}/peer/{name}"\n'
                    f'[storage.options.overlay]\nmount_program = "{mount_program}"\n')
        return dict(self.env, CONTAINERS_STORAGE_CONF=conf)

    def close(self):
        if self.registry:
            os.kill(self.registry_pid, signal.SIGTERM)
        subprocess.run(["podman", "unshare", "rm", "-rf", self.work + "/peer"], env=self.env, capture_output=True)
        shutil.rmtree(self.work, ignore_errors=True)
