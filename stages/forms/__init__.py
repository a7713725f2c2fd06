"""Forms of answers: what an answer says, apart from how it is written."""
