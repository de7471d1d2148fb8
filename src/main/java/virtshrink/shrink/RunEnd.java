package virtshrink.shrink;

/** How a run ended, before it is reported. */
record RunEnd(Cause cause, String reason) {}
