/// The elements of a tuple, a list or a dictionary.
///
/// A class, so that appending to what lies on the stack never copies it.
final class PickleContainer {
    private(set) var elements: [PickleValue] = []
    private(set) var depth = 1

    func append(contentsOf values: some Sequence<PickleValue>) {
        for value in values {
            elements.append(value)
            depth = max(depth, value.depth + 1)
        }
    }
}
