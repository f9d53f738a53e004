"""What serving a customer takes: returns, channels, small orders."""

from smartaccounts.features.catalogue import Family, Feature, count, ratio, within


def _sum(what: str, days: int) -> str:
    return f"CAST(SUM(CASE WHEN {within(0, days)} THEN {what} ELSE 0 END) AS DOUBLE)"


SERVICE = Family(
    name="service",
    title="Service and channel",
    relation="seen_orders",
    features=(
        Feature(
            "returns_share_365d",
            "share",
            "Returned and cancelled value over purchases, last 365 days",
            ratio(_sum("returned", 365), _sum("gross", 365)),
        ),
        Feature(
            "returns_share",
            "share",
            "Returned and cancelled value over purchases, since the first line",
            ratio("CAST(SUM(returned) AS DOUBLE)", "CAST(SUM(gross) AS DOUBLE)"),
        ),
        Feature(
            "return_lines_365d",
            "count",
            "Lines with a negative amount in the last 365 days",
            count("return_lines", within(0, 365)),
            zero=True,
        ),
        Feature(
            "share_digital_365d",
            "share",
            "Share of purchases by web, EDI and the like, last 365 days, of lines with a channel",
            ratio(_sum("gross_digital", 365), _sum("gross_channel", 365)),
            needs=("channel",),
        ),
        Feature(
            "share_digital_91d",
            "share",
            "Share of purchases by web, EDI and the like, last 91 days, of lines with a channel",
            ratio(_sum("gross_digital", 91), _sum("gross_channel", 91)),
            needs=("channel",),
        ),
    ),
)
