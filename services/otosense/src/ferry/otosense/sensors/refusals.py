"""Problems for failed claims, from the cloud's answers."""

from ferry.clouds.errors import BadAnswerError, BearerRefusedError, CloudError, RefusedError, UnreachableError
from ferry.clouds.otosense import ClaimedError
from ferry.contract.problems import ProblemError

REPEAT = "send the same request again: it is safe and continues"


def ambiguous(error: CloudError) -> bool:
    """The cloud may have claimed the sensor nevertheless."""
    match error:
        case UnreachableError():
            return error.ambiguous
        case RefusedError():
            return error.status >= 500  # noqa: PLR2004 - HTTP's own number
        case _:
            return isinstance(error, BadAnswerError)


def busy(error: CloudError) -> bool:
    """Another try can help, and nothing was claimed."""
    return isinstance(error, RefusedError) and error.retryable and not ambiguous(error)


def conflict(error: CloudError) -> bool:
    return error.status == 409  # noqa: PLR2004 - HTTP's own number


def problem(error: CloudError) -> ProblemError:
    words = str(error)
    match error:
        case BearerRefusedError():
            hint = "`ferry auth state` shows the state of the credentials"
            return ProblemError.of(
                "token-refused", 502, "OtoSense refuses our token", detail=words, hint=hint
            )
        case RefusedError(status=400 | 422):
            hint = "is it the certificate that this sensor carries?"
            return ProblemError.of(
                "certificate-refused",
                400,
                "OtoSense refuses this certificate",
                detail=words,
                field="cert",
                hint=hint,
            )
        case RefusedError(status=404):
            hint = "does FERRY_OTOSENSE__URL name the API's base?"
            return ProblemError.of(
                "cloud-path", 502, "OtoSense has no POST /sensors there", detail=words, hint=hint
            )
        case RefusedError(retry_after_s=float() as wait_s) if busy(error) or ambiguous(error):
            hint = f"wait {wait_s:.0f} s; {REPEAT}"
            return ProblemError.of("cloud-busy", 503, "OtoSense is busy", detail=words, hint=hint)
        case RefusedError() if not busy(error) and not ambiguous(error):
            return ProblemError.of(
                "cloud-refused", error.status, "OtoSense refuses the request", detail=words
            )
        case _:
            return ProblemError.of(
                "cloud-unavailable", 503, "OtoSense sent no usable answer", detail=words, hint=REPEAT
            )


def claimed_unreadable(error: ClaimedError) -> ProblemError:
    """The cloud has done what was asked for: to ask again would change nothing."""
    hint = "it is claimed: do not send it again; look it up at OtoSense, and report the id to its support"
    title = "OtoSense has claimed the sensor, with an id that Ferry cannot use"
    return ProblemError.of("claimed-unreadable", 502, title, detail=str(error), hint=hint)


def claimed_already(sensor_id: str, *, ours: bool) -> ProblemError:
    """A 409: the cloud shows a sensor to its own tenant alone."""
    if ours:
        return ProblemError.of(
            "other-certificate",
            409,
            f"sensor {sensor_id} is claimed already, with another certificate",
            field="cert",
            hint=f"`ferry otosense show {sensor_id}` shows its state",
        )
    return ProblemError.of(
        "other-tenant",
        409,
        f"sensor {sensor_id} is claimed by another tenant",
        field="cert",
        hint="its owner has to release it, or the credentials are of the wrong tenant",
    )


def unknown(sensor_id: str) -> ProblemError:
    hint = "`ferry otosense list` shows those that Ferry has claimed"
    title = f"Ferry has claimed no sensor {sensor_id}"
    return ProblemError.of("unknown-sensor", 404, title, field="sensorId", hint=hint)


def unreadable(sensor_id: str) -> ProblemError:
    return ProblemError.of(
        "record-unreadable",
        500,
        f"the record of sensor {sensor_id} cannot be read",
        detail="another version of Ferry, or something else, wrote it",
        field="sensorId",
        hint=f"`ferry otosense forget {sensor_id}`, then provision it again, which finds it at the cloud",
    )


def contended(sensor_id: str) -> ProblemError:
    return ProblemError.of(
        "contended", 503, f"the record of sensor {sensor_id} keeps being changed by others", hint="try again"
    )
