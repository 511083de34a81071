/// What an MPI library says about itself.
package enum MPILibrary {
    /// Name and version, such as `Open MPI 4.1.4`, from the text of `MPI_Get_library_version`.
    ///
    /// The texts begin with `Open MPI v4.1.4, package: …`, `MPICH Version:      4.0.2; …`,
    /// `MVAPICH2 Version      :	2.3.7; …` or `Intel(R) MPI Library 2021.12 for Linux* OS`.
    package static func name(fromVersionText text: String) -> String {
        let head = text.split(whereSeparator: { ",;\n\r".contains($0) }).first.map(String.init) ?? text
        var words = head.split(whereSeparator: { " \t:".contains($0) }).map(String.init)
        words.removeAll { $0 == "Version" }
        if let os = words.firstIndex(of: "for") { words.removeSubrange(os...) }
        words = words.map { word in
            word.first == "v" && word.dropFirst().first?.isNumber == true ? String(word.dropFirst()) : word
        }
        return words.isEmpty ? "MPI" : words.joined(separator: " ")
    }
}
