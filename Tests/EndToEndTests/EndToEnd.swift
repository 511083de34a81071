import Testing

/// All tests that start the built program. One after the other: each may use every core, and some measure.
@Suite(.serialized)
enum EndToEnd {}
