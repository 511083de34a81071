internal import Foundation

/// A table of values as shades, with or without their texts: a confusion matrix, or a quantity by layer and epoch.
package struct Heatmap: Chart {
    /// A cell.
    package struct Cell: Sendable, Equatable {
        /// What its shade is; nil for none.
        package var value: Double?
        /// What stands in it.
        package var text: String

        /// A cell.
        package init(_ value: Double?, _ text: String = "") {
            self.value = value
            self.text = text
        }
    }

    /// What stands above it.
    package var title: String
    /// What rows and columns are.
    package var rowLabel, columnLabel: String
    /// Their names.
    package var rows, columns: [String]
    /// Rows of cells.
    package var cells: [[Cell]]
    /// What shades mean.
    package var scale: Axis
    /// How wide it is.
    package var width: Double
    /// How high a row is.
    package var rowHeight: Double

    /// A table of shades.
    package init(
        _ title: String, rowLabel: String, rows: [String], columnLabel: String, columns: [String],
        cells: [[Cell]], scale: Axis, width: Double = 720, rowHeight: Double = 26
    ) {
        self.title = title
        self.rowLabel = rowLabel
        self.columnLabel = columnLabel
        self.rows = rows
        self.columns = columns
        self.cells = cells
        self.scale = scale
        self.width = width
        self.rowHeight = rowHeight
    }

    /// As high as its rows need.
    package var size: ChartSize {
        ChartSize(width, area.bottom + 30 + columnNamesHeight + 34)
    }

    /// Rows, columns, and the largest value.
    package var summary: String {
        let text = NumberText(format: scale.format)
        var largest: (value: Double, row: Int, column: Int)?
        for (row, line) in cells.enumerated() {
            for (column, cell) in line.enumerated() {
                guard let value = cell.value, scale.shows(value), value > largest?.value ?? -.infinity else {
                    continue
                }
                largest = (value, row, column)
            }
        }
        let most = largest.map {
            " The largest, \(text.text($0.value)), is at \(name($0.row, of: rows)), \(name($0.column, of: columns))."
        }
        return
            "\(scale.text) for \(rows.count) rows (\(rowLabel)) and \(columns.count) columns (\(columnLabel))."
            + (most ?? " No data.")
    }

    private func name(_ index: Int, of names: [String]) -> String {
        names.indices.contains(index) ? names[index] : "\(index)"
    }

    private var area: Area {
        let left = min(width * 0.4, 20 + max(rows.map { Canvas.width(of: $0, size: 11) }.max() ?? 0, 20))
        let top = PlotFrame.titleHeight(title) + 22
        return Area(
            left: left, top: top, right: width - 14, bottom: top + rowHeight * Double(max(1, rows.count)))
    }

    private var cellWidth: Double { area.width / Double(max(1, columns.count)) }
    private var widestColumnName: Double { columns.map { Canvas.width(of: $0, size: 11) }.max() ?? 0 }
    /// Names that are wider than their columns stand upright: on end if they must all be there.
    private var isUpright: Bool { widestColumnName + 8 > cellWidth && columns.count <= 24 && !isNumbered }
    private var isNumbered: Bool { columns.allSatisfy { Double($0) != nil } }
    private var columnNamesHeight: Double { isUpright ? min(90, widestColumnName) : 8 }

    /// Draws it.
    package func draw(on canvas: inout Canvas) {
        canvas.text(Canvas.shortened(title, to: width - 24, size: 14), 12, 20, size: 14, isBold: true)
        canvas.text("\(rowLabel) ↓", 12, area.top - 8, size: 12, color: "muted")
        let placed = shades
        let text = NumberText(format: scale.format)
        for (row, line) in cells.enumerated() where row < rows.count {
            let top = area.top + Double(row) * rowHeight
            canvas.text(
                Canvas.shortened(rows[row], to: area.left - 16, size: 11), area.left - 6,
                top + rowHeight / 2 + 4,
                size: 11, color: "muted", anchor: .end)
            for (column, cell) in line.enumerated() where column < columns.count {
                let left = area.left + Double(column) * cellWidth
                let shade = cell.value.flatMap { scale.shows($0) ? min(1, max(0, placed.place($0))) : nil }
                let value = cell.text.isEmpty ? cell.value.map { text.text($0) } ?? "no data" : cell.text
                canvas.rectangle(
                    left + 0.5, top + 0.5, max(0.5, cellWidth - 1), rowHeight - 1,
                    color: shade == nil ? "grid" : ChartStyle.color(0),
                    opacity: shade.map { 0.04 + 0.96 * $0 } ?? 0.5,
                    hint: "\(rows[row]), \(columns[column]): \(value)")
                // Only where there is room: the hint has it in any case.
                guard Canvas.width(of: cell.text, size: 11) < cellWidth else { continue }
                canvas.text(
                    cell.text, left + cellWidth / 2, top + rowHeight / 2 + 4, size: 11,
                    color: (shade ?? 0) > 0.7 ? "paper" : "ink", anchor: .middle)
            }
        }
        drawColumnNames(on: &canvas)
        drawScale(placed, on: &canvas)
    }

    private func drawColumnNames(on canvas: inout Canvas) {
        let stride =
            isUpright ? 1 : max(1, Int(((widestColumnName + 8) / max(1, cellWidth)).rounded(.up)))
        for (index, name) in columns.enumerated() where index % stride == 0 {
            let x = area.left + (Double(index) + 0.5) * cellWidth
            if isUpright {
                canvas.uprightText(Canvas.shortened(name, to: 90, size: 11), x + 4, area.bottom + 6)
            } else {
                canvas.text(name, x, area.bottom + 14, size: 11, color: "muted", anchor: .middle)
            }
        }
        canvas.text(
            "\(columnLabel) →", (area.left + area.right) / 2, area.bottom + columnNamesHeight + 22,
            color: "muted",
            anchor: .middle)
    }

    /// The scale of the shades: 0 or the least value is pale, the largest is full.
    private var shades: PlacedAxis {
        PlacedAxis(scale, showing: cells.flatMap { $0.compactMap(\.value) })
    }

    private func drawScale(_ placed: PlacedAxis, on canvas: inout Canvas) {
        let y = area.bottom + columnNamesHeight + 34
        let text = NumberText(format: scale.format)
        let label = "\(scale.text):  \(text.text(placed.low))"
        let start = 12 + Canvas.width(of: label, size: 11) + 6
        canvas.text(label, 12, y + 14, size: 11, color: "muted")
        for step in 0..<10 {
            canvas.rectangle(
                start + Double(step) * 12, y + 4, 12, 12, color: ChartStyle.color(0),
                opacity: 0.04 + 0.96 * Double(step) / 9)
        }
        canvas.text(text.text(placed.high), start + 126, y + 14, size: 11, color: "muted")
    }
}
