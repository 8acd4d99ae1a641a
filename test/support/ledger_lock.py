"""Makes a verification of the books stand still.

    with ledger_lock.LedgerLock(node):
        path = …                    # POST /ops/verify
        node.kill_daemon()
"""

import subprocess

import postgres


class LedgerLock:
    """While it is held, nobody reads the ledger: a verification stands still. A node at rest does not notice."""

    def __init__(self, site):
        self.session = subprocess.Popen([postgres.PSQL, "--no-psqlrc", "-At", site.database_url(postgres.OWNER)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.session.stdin.write("begin; lock table transfer in access exclusive mode; select 'held';\n")
        self.session.stdin.flush()
        while "held" not in (line := self.session.stdout.readline()):
            assert line, "psql has ended"

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.release()

    def release(self):
        self.session.kill()
        self.session.communicate()
