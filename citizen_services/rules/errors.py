"""The one kind of refusal that the rules know."""


class RuleError(ValueError):
    """Something typed or declared breaks a rule; `sentence` is what the person reads (Chinese, says what to do).

    Neither the sentence nor `str(error)` ever contains the value that was refused, because errors reach logs.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
