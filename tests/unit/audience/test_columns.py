import pyarrow as pa
import pytest

from engine.audience.columns import check_keys, check_schema, conform, plain_schema, plain_type
from engine.campaign.schema import Audience
from engine.errors import InputError

AUDIENCE = Audience(source="x.parquet", key="id", email="email", subscribed="ok")


def faults(**columns: pa.DataType) -> list[str]:
    with pytest.raises(InputError) as caught:
        check_schema(AUDIENCE, pa.schema(list(columns.items())), "x.parquet")
    return [each.code for each in caught.value.diagnostics]


def test_a_missing_column_is_told_with_its_near_match() -> None:
    with pytest.raises(InputError) as caught:
        check_schema(
            AUDIENCE, pa.schema([("id", pa.int64()), ("e_mail", pa.string()), ("ok", pa.bool_())]), "x.parquet"
        )
    assert [each.help for each in caught.value.diagnostics] == ["did you mean `e_mail`?"]


def test_all_faults_are_told_at_once() -> None:
    assert faults(email=pa.int64(), ok=pa.string()) == ["MR351", "MR352", "MR352"]


@pytest.mark.parametrize("key", [pa.int32(), pa.string(), pa.dictionary(pa.int8(), pa.large_string())])
def test_keys_are_integers_or_text(key: pa.DataType) -> None:
    check_schema(AUDIENCE, pa.schema([("id", key), ("email", pa.string()), ("ok", pa.bool_())]), "x.parquet")


def test_a_float_is_no_key() -> None:
    assert faults(id=pa.float64(), email=pa.string(), ok=pa.bool_()) == ["MR352"]


def test_encodings_vanish_at_every_depth() -> None:
    encoded = pa.struct([("a", pa.large_list(pa.dictionary(pa.int8(), pa.large_string())))])
    assert plain_type(encoded) == pa.struct([("a", pa.list_(pa.string()))])


def test_batches_take_the_plain_types_and_the_order_of_the_schema() -> None:
    batch = pa.record_batch(
        {"b": pa.array(["x", "y"]).dictionary_encode(), "a": pa.array([1, 2]), "c": pa.array([0, 0])}
    )
    schema = plain_schema(pa.schema([batch.schema.field("a"), batch.schema.field("b")]), ["b", "a"])
    [plain] = conform([batch], schema)
    assert plain.to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert plain.schema == pa.schema([("a", pa.int64()), ("b", pa.string())])


def test_a_recipient_without_a_key_is_refused() -> None:
    with pytest.raises(InputError, match="1 rows of x have no `id`"):
        check_keys(pa.record_batch({"id": pa.array([1, None])}), "id", "x")
