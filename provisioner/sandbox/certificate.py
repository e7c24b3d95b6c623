"""The server certificate of the plugin connection.

One self-signed P-256 pair for each sandbox home, in one file that only its user may read. Terraform is told exactly
this certificate in the handshake and accepts no other.
"""

import os

from provisioner.sandbox import files

_VALID_DAYS = 3650


def ensure(home: str) -> str:
    """Return the path of the file with certificate and key, made when it is missing."""
    path = os.path.join(home, "plugin.pem")
    if not os.path.exists(path):
        files.make_private_directory(home)
        files.create_private(path, _make())
    return path


def handshake_form(path: str) -> str:
    """Return the certificate as the handshake line carries it: base64 of its DER form without padding."""
    with open(path, encoding="ascii") as file:
        text = file.read()
    body = text.split("-----BEGIN CERTIFICATE-----", 1)[1].split("-----END CERTIFICATE-----", 1)[0]
    return "".join(body.split()).rstrip("=")


def _make() -> bytes:
    # Imported here because only the first start needs it and it takes longer than all the rest.
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(True, False, True, False, True, True, False, False, False), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + private
