"""Throwaway certificates: an authority, and what it signs."""
import os
import shutil
import subprocess
import tempfile

import harness
from servers import Postgres


class Authority:
    """ca.crt is what a client trusts."""

    def __init__(self, name="Test CA"):
        harness.need_command("openssl")
        self.directory = tempfile.mkdtemp(prefix="ca.", dir=harness.tmp)
        os.chmod(self.directory, 0o755)
        self.certificate = self.directory + "/ca.crt"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-days", "2", "-subj", "/CN=" + name, "-keyout", "ca.key",
                      "-out", "ca.crt")

    def _openssl(self, *args):
        done = subprocess.run(("openssl",) + args, cwd=self.directory, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise harness.Failure("openssl: " + done.stdout)

    def settings_for(self, postgres, name):
        """The server's key and certificate, put into its directory, and the settings for them."""
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:" + name,
                      "-keyout", "server.key", "-out", "server.csr")
        self._openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                      "-CAcreateserial", "-days", "2", "-copy_extensions", "copy",
                      "-out", "server.crt")
        for file in ("server.key", "server.crt"):
            path = shutil.copy(self.directory + "/" + file, postgres.data)
            os.chmod(path, 0o600)
            if harness.IS_ROOT:
                shutil.chown(path, postgres.user, postgres.user)
        return ["ssl=on"]


def tls_server(name, password=None):
    """A PostgreSQL whose certificate is for this name, and who signed it."""
    authority = Authority()
    postgres = Postgres(start=False, password=password)
    with open(postgres.data + "/postgresql.conf", "a", encoding="ascii") as file:
        file.write("\n".join(authority.settings_for(postgres, name)) + "\n")
    postgres.start()
    return postgres, authority
