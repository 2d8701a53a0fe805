"""`ferry otosense` as somebody beside a motor uses it: claimed, given up, claimed again; files as they come."""

import json

import certificates

SENSOR = "0000S111A"


async def test_a_sensor_is_claimed_given_up_and_claimed_again(suite, sandbox, tmp_path):
    await suite.start("auth")
    await suite.start("otosense", {"FERRY_FOLLOW__SPEED": "20"})
    await sandbox.post(f"/admin/sensors/{SENSOR}/connect", {"delay_s": 0})
    file = tmp_path / "cert.pem"
    pem = certificates.chain(SENSOR)
    file.write_bytes(pem.replace("\n", "\r\n").encode("utf-16"))
    code, said = await suite.ferry("otosense", "provision", str(file), "--wait")
    assert code == 0, said
    assert "connected" in said
    code, said = await suite.ferry("otosense", "forget", SENSOR)
    assert code != 0
    assert "--yes" in said
    code, said = await suite.ferry("otosense", "forget", SENSOR, "--yes", "--json")
    assert code == 0, said
    assert json.loads(said) == {"sensorId": SENSOR, "stage": "connected"}
    code, said = await suite.ferry("otosense", "show", SENSOR)
    assert code == 1
    assert "claimed no sensor" in said
    code, said = await suite.ferry("otosense", "forget", SENSOR, "--yes")
    assert code == 1
    assert "claimed no sensor" in said
    code, said = await suite.ferry("otosense", "forget", "a b", "--yes")
    assert code == 1
    assert "not a sensor id" in said
    code, said = await suite.ferry("otosense", "provision", str(file), "--wait")
    assert code == 0, said


async def test_a_lone_authority_and_a_key_are_refused_in_words_and_reach_no_cloud(suite, sandbox, tmp_path):
    await suite.start("auth")
    await suite.start("otosense")
    (tmp_path / "ca.pem").write_text(certificates.Authority("Maker's Root").root)
    (tmp_path / "key.pem").write_text(certificates.rsa_key())
    (tmp_path / "two.pem").write_text(certificates.chain("S1") + certificates.chain("S2"))
    code, said = await suite.ferry("otosense", "provision", str(tmp_path))
    assert code == 1
    for words in (
        "a sensor's own is wanted",
        "the key was not sent anywhere",
        "there are 2 sensors' certificates",
    ):
        assert words in " ".join(said.split()), said
    rows = await sandbox.get("/admin/requests?limit=5000&path=/sensors")
    assert not [row for row in rows if row["method"] == "POST" and row["path"].endswith("/sensors")]
