"""The ads of HTCondor, as far as the wrapper reads them."""

from pathlib import Path

from wrapper import ads

TEXT = """\
RequestCpus = 4
RequestMemory = ifthenelse(MemoryUsage =!= undefined, MemoryUsage, 2000)
GLIDEIN_ToDie = 1785600000
Rank = 1.5
Name = "slot1_2@\\"odd\\" host"
HasSingularity = TRUE
Requirements = (TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX")
Undefined = undefined
not an attribute
Zero = 0
"""


def test_plain_values_are_read() -> None:
    assert ads.parse(TEXT) == {
        "requestcpus": 4,
        "glidein_todie": 1785600000,
        "rank": 1.5,
        "name": 'slot1_2@"odd" host',
        "hassingularity": True,
        "zero": 0,
    }


def test_first_positive_number_of_several_names() -> None:
    ad = ads.parse(TEXT)

    assert ads.integer(ad, "Zero", "RequestMemory", "HasSingularity", "RequestCpus") == 4
    assert ads.integer(ad, "Nothing") is None
    assert ads.text(ad, "Nothing", "Name").startswith("slot1_2@")


def test_node_without_ads_has_empty_ones(tmp_path: Path) -> None:
    assert ads.read(None) == ads.read(str(tmp_path / "none")) == {}
