from provisioner.domain.errors import EngineError, FieldError, Refusal


class TestRefusal:
    def test_carries_what_both_doors_render(self) -> None:
        class NameTaken(Refusal):
            code = "name_taken"
            title = "Name taken"

        error = FieldError("name", "taken", "Choose another name.")
        refusal = NameTaken("orders is taken.", errors=(error,))
        assert (refusal.code, refusal.status, refusal.title) == ("name_taken", 409, "Name taken")
        assert (refusal.detail, str(refusal), refusal.errors, refusal.findings) == (
            "orders is taken.",
            "orders is taken.",
            (error,),
            (),
        )


class TestEngineError:
    def test_carries_the_retry_decision(self) -> None:
        error = EngineError("No credentials", "Error: …", permanent=False)
        assert (error.summary, error.detail, error.permanent) == ("No credentials", "Error: …", False)
        assert str(error) == "No credentials"
