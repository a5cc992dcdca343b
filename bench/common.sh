# What the benchmark scripts share; sourced by them. Makes a kiln of its own and removes it at the end.

readonly kiln=$PWD/build/release/bin/kiln
directory=$(mktemp -d "${TMPDIR:-/var/tmp}/kiln-bench-XXXXXX")
chmod 755 "$directory"
export KILN_STATE_DIR=$directory/state KILN_SOCKET=$directory/kiln.sock HOME=$directory/home
export XDG_CONFIG_HOME=$HOME/.config XDG_STATE_HOME=$HOME/.local/state
mkdir -p "$HOME"

clean_up() {
    local ids pid
    mapfile -t ids < <("$kiln" describe-instances --output text \
        --filters "Name=instance-state-name,Values=pending,running,stopping,stopped" | cut -f1)
    [ -z "${ids[*]}" ] || "$kiln" terminate-instances --instance-ids "${ids[@]}" --wait --output json >/dev/null
    stop_service
    rm -rf "$directory"
}
trap clean_up EXIT

# Nothing when no service runs.
service_pid() {
    python3 - "$KILN_SOCKET" <<'PYTHON'
import socket, struct, sys
with socket.socket(socket.AF_UNIX) as connection:
    try:
        connection.connect(sys.argv[1])
    except OSError:
        sys.exit(0)
    print(struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])
PYTHON
}

stop_service() {
    local pid
    pid=$(service_pid)
    [ -n "$pid" ] || return 0
    kill "$pid"
    timeout 30 tail --pid="$pid" -f /dev/null
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
