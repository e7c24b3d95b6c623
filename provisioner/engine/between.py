"""Stand between a worker and the command it runs, so that the worker's death is one SIGINT to the command.

The kernel sends a parent-death signal once for every parent that a process loses, and a worker with several
threads that is killed hands its children from thread to thread as it dies. Two SIGINTs make Terraform leave at
once, without the state of what it is making. This process has one thread: it is killed with the worker, and its
own death is the one signal that the command gets.

Run as a script with the standard library only: `between.py COMMAND [ARGUMENT ...]`. A SIGINT or SIGTERM to this
process is passed on once, as SIGINT; it ends as the command ends, by exit code or by signal.

It is started for each command of Terraform, so it imports what the interpreter has built in: with `os`, and `signal`
with its `enum`, twice as much time would go by before the command.
"""

import _signal as signal
import posix as os
import sys

PASSED_ON = (signal.SIGINT, signal.SIGTERM)
CANNOT_EXECUTE = 127


def main() -> None:
    argv = sys.argv[1:]
    # Held back until there is somebody to pass them on to.
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        try:
            os.execv(argv[0], argv)
        except OSError as error:
            os.write(2, f"{argv[0]} cannot be started: {error.strerror}\n".encode())
            os._exit(CANNOT_EXECUTE)

    asked: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        if not asked:
            asked.append(number)
            os.kill(child, signal.SIGINT)

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        ending = os.WTERMSIG(status)
        if ending != signal.SIGKILL:
            signal.signal(ending, signal.SIG_DFL)
        os.kill(os.getpid(), ending)
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
