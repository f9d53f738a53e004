"""What serving a customer takes: returns, channels, small orders."""

from smartaccounts.features.catalogue import Family, Feature, Message, count, ratio, recent, within
from smartaccounts.features.swept import Quotient, Total

SERVICE = Family(
    name="service",
    title="Service and channel",
    relation="seen_orders",
    features=(
        Feature(
            "returns_share_365d",
            "share",
            "Returned and cancelled value over purchases, last 365 days",
            ratio(recent("returned", 365), recent("gross", 365)),
            message=Message("returns", days=365),
            swept=Quotient(Total("returned", 0, 365), Total("gross", 0, 365)),
        ),
        Feature(
            "returns_share",
            "share",
            "Returned and cancelled value over purchases, since the first line",
            ratio("CAST(SUM(returned) AS DOUBLE)", "CAST(SUM(gross) AS DOUBLE)"),
            message=Message("returns_ever"),
            swept=Quotient(Total("returned"), Total("gross")),
        ),
        Feature(
            "return_lines_365d",
            "count",
            "Lines with a negative amount in the last 365 days",
            count("return_lines", within(0, 365)),
            zero=True,
            message=Message("return_lines", days=365),
            swept=Total("return_lines", 0, 365),
        ),
        Feature(
            "share_digital_365d",
            "share",
            "Share of purchases by web, EDI and the like, last 365 days, of lines with a channel",
            ratio(recent("gross_digital", 365), recent("gross_channel", 365)),
            needs=("channel",),
            message=Message("digital", days=365),
            swept=Quotient(Total("gross_digital", 0, 365), Total("gross_channel", 0, 365)),
        ),
        Feature(
            "share_digital_91d",
            "share",
            "Share of purchases by web, EDI and the like, last 91 days, of lines with a channel",
            ratio(recent("gross_digital", 91), recent("gross_channel", 91)),
            needs=("channel",),
            message=Message("digital", days=91),
            swept=Quotient(Total("gross_digital", 0, 91), Total("gross_channel", 0, 91)),
        ),
    ),
)
