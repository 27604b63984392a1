"""The pure core: no clock, no network, no Azure package."""
