from ferry.auth.tokens.cipher import RecordCipher


def test_a_record_is_decrypted_with_its_own_key_for_its_own_name_only():
    cipher = RecordCipher.from_key("k" * 32, "thingplus")
    encrypted = cipher.encrypt("a", b"plain")
    assert b"plain" not in encrypted
    assert cipher.decrypt("a", encrypted) == b"plain"
    assert cipher.decrypt("b", encrypted) is None
    assert RecordCipher.from_key("k" * 32, "otosense").decrypt("a", encrypted) is None
    assert RecordCipher.from_key("l" * 32, "thingplus").decrypt("a", encrypted) is None
    assert cipher.decrypt("a", encrypted[:-1] + bytes([encrypted[-1] ^ 1])) is None
    assert cipher.decrypt("a", b"") is None
    assert cipher.encrypt("a", b"plain") != encrypted


def test_replicas_with_the_same_credentials_derive_the_same_key():
    encrypted = RecordCipher.from_credentials(("id", "secret"), "thingplus").encrypt("a", b"plain")
    assert RecordCipher.from_credentials(("id", "secret"), "thingplus").decrypt("a", encrypted) == b"plain"
    assert RecordCipher.from_credentials(("ids", "ecret"), "thingplus").decrypt("a", encrypted) is None
