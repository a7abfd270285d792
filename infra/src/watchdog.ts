/**
 * Ends a process when this one dies, however it dies: a shell waits for the end of a pipe whose other side only we
 * hold, then ends the process if it still carries our marker. Where there is no POSIX shell, only clean ends are covered.
 */
import { spawn } from "node:child_process";

// $1 pid, $2 marker, $3 folder to remove afterwards or "".
const SCRIPT = `
ours() { { tr '\\0' ' ' <"/proc/$1/cmdline" || ps -ww -o command= -p "$1"; } 2>/dev/null | grep -qF -- "$2"; }
cat >/dev/null
if ours "$1" "$2"; then
  [ -n "$3" ] && kill -KILL "$1" || kill -TERM "$1"
  kill -CONT "$1"
  n=0
  while ours "$1" "$2" && [ $n -lt 200 ]; do sleep 0.1; n=$((n + 1)); done
  ours "$1" "$2" && kill -KILL "$1"
fi
[ -n "$3" ] || exit 0
# A process that was begun just before we died has no watchdog yet, and would write the folder again.
others() {
  if [ -d /proc/self ]; then
    for file in /proc/[0-9]*/cmdline; do
      line=$({ tr '\\0' ' ' <"$file"; } 2>/dev/null)
      pid=\${file#/proc/}
      case $line in *" busbar-watchdog "*) ;; *"$1 "*) echo "\${pid%/cmdline}" ;; esac
    done
  else
    ps -ww -A -o pid= -o command= | grep -F -- "$1 " | grep -vF " busbar-watchdog " | grep -vF "grep " | awk '{ print $1 }'
  fi
}
n=0
while pids=$(others "$2"); [ -n "$pids" ] && [ $n -lt 100 ]; do kill -KILL $pids; sleep 0.1; n=$((n + 1)); done
rm -rf -- "$3"
`;

export interface Watchdog {
  /** The process is being ended in an orderly way: do nothing when we die. */
  readonly dismiss: () => Promise<void>;
}

/** Guards `pid` (0: no process yet); `temporary` is a folder that goes with it. */
export function watch(pid: number, marker: string, temporary: string | null): Watchdog {
  if (process.platform === "win32") return { dismiss: () => Promise.resolve() };
  const shell = spawn("sh", ["-c", SCRIPT, "busbar-watchdog", String(pid), marker, temporary ?? ""], {
    // In a group of its own: a Ctrl-C in the terminal ends us, not it.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const gone = new Promise<void>((resolve) => {
    shell.once("exit", () => resolve());
    shell.once("error", () => resolve());
  });
  shell.unref();
  // A pipe that is gone with the shell is no fault of ours.
  shell.stdin.on("error", () => undefined);
  (shell.stdin as typeof shell.stdin & { unref?: () => void }).unref?.();
  return {
    dismiss: async () => {
      shell.ref();
      shell.kill("SIGKILL");
      await gone;
    },
  };
}
