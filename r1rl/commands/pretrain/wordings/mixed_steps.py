"""Two steps of which one is a multiplication or division: groups and single ones, change, shares of a sum, rates."""

from r1rl.commands.pretrain.wordings.relation import Relation, lines

RELATIONS = (
    # a groups of b, and d single ones
    Relation(
        ("a * b", "#1 + d"),
        {"a": (2, 14), "b": (2, 14), "d": (2, 50)},
        lines("""
        {n} has {a} {cs} with {b} {ts} [each|in each|in every one] and {d} [single|loose|extra|more] {ts}. How many {ts} [does {he} have|are there] [in all|altogether|in total|]?
        There are {a} {cs} of {b} {ts} each. {d} more {ts} [lie|are] on the floor. How many {ts} are there [in total|altogether|]?
        I [have|own] {a} {cs}. Each one [holds|has] {b} {ts}. I also have {d} {ts} [outside|in my room|in the car]. How many {ts} do I have?
        How many {ts} [does {n} have|has {n} got] if {he} has {d} loose ones and {a} full {cs} of {b}?
        {n} [buys|gets|orders] {a} {cs}, each with {b} {ts}, and {o} gives {him} {d} more. How many {ts} does {n} have now?
        {n} already [had|owned] {d} {ts}. Then {he} bought {a} {cs} with {b} {ts} in each. [How many {ts} has {he} now|How many {ts} does {he} have in all]?
        [Find|Work out|Calculate] the number of {ts}: {a} {cs} with {b} in each, plus {d} extra.
        {d} {ts} did not fit into the {cs}. The {a} {cs} hold {b} {ts} each. How many {ts} were there [at the start|altogether]?
        After filling {a} {cs} with {b} {ts} each, {n} [had|still had] {d} {ts} left over. How many {ts} did {he} have to begin with?
        {a} friends each got {b} {ts} from {n}, who kept {d} for {him}self. How many {ts} did {n} have at first?
        {n} gave {b} {ts} to each of {a} children and had {d} left. How many {ts} did {he} have before?
        The teacher [hands|gave] {b} [pencils|sheets of paper|stickers] to each of {a} pupils. {d} are left on the desk. How many were there at first?
        A [hall|room|cinema] has {a} rows of {b} [chairs|seats] and {d} [extra chairs|more seats] at the back. How many people can sit [there|in it|]?
        A bus has {a} rows with {b} seats each, and {d} people can stand. How many people fit [in|into] the bus?
        I have {a} packs of {b} batteries and {d} loose ones. How many batteries is that?
        {a} bags of {b} apples and {d} more apples. How many apples?
        {n} saves ${b} [a|every|each] week. {he} already has ${d}. How much [money|] will {he} have after {a} weeks?
        {n} has ${d} in {his} [piggy bank|bank account|purse]. If {he} [puts in|adds|saves] ${b} every week, how much will be there after {a} [more|] weeks?
        {n} earns ${b} an hour. [Today|On {day}] {he} worked {a} hours and got a [bonus|tip] of ${d}. How much did {he} [earn|make|get] [in all|altogether|]?
        A [waiter|cook|driver] works {a} hours for ${b} an hour and [gets|receives|makes] ${d} in tips. What is the total?
        {n} buys {a} {ts} at ${b} each and [a|one] {u} for ${d}. How much does {he} [pay|spend] [in total|altogether|]?
        A {t} costs ${b}. {n} [takes|buys|wants] {a} of them and also a {u} that costs ${d}. [What is the total price|How much must {he} pay|What does {he} pay]?
        Notebooks are ${b} each. I [buy|bought] {a} notebooks and a bag for ${d}. How much [do I have to pay|is that|did it cost]?
        If one [ticket|T-shirt|plant] costs ${b}, what do {a} of them cost together with a [map|hat|poster] for ${d}?
        The [taxi|cab] costs ${d} plus ${b} for every mile. How much is a ride of {a} miles?
        Renting a [boat|bike|canoe] costs ${b} an hour plus a fee of ${d}. What does {n} pay for {a} hours?
        A plumber charges ${d} for coming and ${b} per hour. The job takes {a} hours. How much is the bill?
        The plant was {d} cm tall. It [grew|grows] {b} cm [a|each|every] week. How tall is it after {a} weeks?
        A tree is {d} feet tall and grows {b} feet a year. How tall will it be in {a} years?
        A baby [elephant|horse|calf] weighed {d} kg at birth and gained {b} kg every month. How [heavy|much does it weigh|many kg is it] after {a} months?
        There were {d} litres of water in the tank. A pipe [adds|brings] {b} litres a minute for {a} minutes. How many litres are in the tank [now|then]?
        {n} reads {b} pages a day for {a} days. Then {he} reads {d} more pages [and has finished the book|to the end]. How many pages does the book have?
        I have read {d} pages. If I read {b} pages every day, [on what page will I be|how many pages will I have read] after {a} more days?
        A team won {a} games and got {b} points for each. It also got {d} bonus points. How many points does it have?
        {n} hit the target {a} times for {b} points each and [then|later] won {d} extra points. [What was {his} score|How many points did {he} get]?
        A farm has {d} [hens|ducks|geese] in the yard and {b} in each of {a} [sheds|barns|pens]. How many is that [altogether|]?
        {n} planted {a} rows of {b} [tulips|beans|trees|carrots] and {d} more [along|by] the fence. How many did {he} plant [in all|altogether]?
        {a} cars with {b} people each and a bus with {d} people [drive|went] to the [beach|lake|match]. How many people [went|are going]?
        The train had {d} passengers. At each of {a} stops {b} people got on and nobody got off. How many passengers are on it now?
        {n} makes {b} {ts} [a day|each day|every day]. {he} has {d} already. How many will {he} have {a} days from now?
        Grandma baked {a} trays of {b} cookies, and {d} cookies were still in the tin. How many cookies did she have then?
        {n} swam {a} laps of {b} metres and then {d} metres more. How many metres did {he} swim?
        {n} runs {b} km every morning for {a} days. Then {he} runs a race of {d} km. How far did {he} run in all?
        Each of my {a} [cousins|friends|brothers] brought {b} {ts}, and I brought {d}. How many {ts} did we have?
        A lesson lasts {b} minutes. {n} has {a} of them and a break of {d} minutes. How [long|many minutes] is that [in all|altogether|]?
        A film has {a} parts of {b} minutes, with one break of {d} minutes. How long does it take [in all|]?
        Each [coat|layer] of paint takes {b} minutes. {n} paints {a} [coats|layers] and then waits {d} minutes. How many minutes is that altogether?
        A child pays ${b} and a grown-up ${d}. What do one grown-up and {a} children pay [for the zoo|to get in|]?
        {n} takes {his} {a} children to the [zoo|pool|museum]. Tickets are ${b} per child, and {n} pays ${d} for {him}self. What is the total cost?
        A [computer|bed|sofa] is paid with ${d} at once and then ${b} a month for {a} months. What does it cost in all?
        A song lasts {b} minutes. {n} listens to it {a} times and then watches a show for {d} minutes. How many minutes is that?
        In a {p} there are {a} {cs} of {b} {ts}. Somebody brings {d} more {ts}. What is the new number of {ts}?
        I [got|bought|have] {a} {cs} of {b} {ts} and {d} [more|extra] {ts}. How many [{ts} |]do I have?
        {a} {cs} with {b} {ts}, plus {d} {ts}. How many?
        {a} times {b}, plus {d}?
        {n} has {a} {cs} of {b} {ts} and {d} loose {ts}. Total?
        My {d} {ts} and {a} full {cs} of {b}: how many {ts} do I have [in all|]?
        We [have|need|bought] {a} {ts} at ${b} each and a {u} for ${d}. [What's the total|How much is it all|How much do we pay]?
        Suppose you save ${b} a week for {a} weeks and already have ${d}. How much do you have then?
        I had ${d} and earned ${b} a day for {a} days. How much [do I have now|is it now]?
        How many {ts} do you have if you have {a} {cs} of {b} and {d} more?
        How much [will|does] {n} have [in the end|altogether] if {he} starts with ${d} and [earns|saves] ${b} on each of {a} days?
        How many people can sit in a room with {a} benches for {b} people each and {d} chairs?
        How old is a person who has lived {a} times {b} years and then {d} years more?
        At the school fair {n} sold {a} {cs} of {b} {ts} each before lunch, and after lunch, when it had begun to rain, {he} sold {d} more {ts}. How many {ts} did {he} sell at the fair?
        Tell me how many {ts} {n} has when {a} {cs} hold {b} each and {d} more lie [beside them|on the table].
    """),
    ),
    # a groups of b, without d
    Relation(
        ("a * b", "#1 - d"),
        {"a": (2, 14), "b": (2, 14), "d": (2, 50)},
        lines("""
        {n} has {a} {cs} [of|with] {b} {ts} each and [loses|gives away|sells] {d} [of them|{ts}]. How many {ts} [are left|does {he} have left|remain]?
        There were {a} {cs} with {b} {ts} in each. {d} {ts} [broke|were broken|went missing|were sold]. How many [{ts} |]are [left|still good|still there]?
        {n} bought {a} {cs} of {b} {ts}. {o} took {d} of [them|the {ts}]. How many did {n} keep?
        How many {ts} are left if {d} are [taken|missing|removed] from {a} {cs} of {b} {ts} each?
        I bought {a} boxes of {b} eggs and [dropped|broke|used] {d} eggs. How many eggs do I have [now|left]?
        {a} packs of {b} cookies. We ate {d}. How many [are left|remain|are still there|are left now]?
        Mom baked {a} trays with {b} [muffins|cookies|cupcakes] each. The children ate {d} [of them|]. How many were left [over|for the guests|]?
        A [theater|cinema|hall] has {a} rows of {b} seats. {d} seats are [taken|broken|not free]. How many seats are [free|left for others]?
        {d} seats are empty in a hall with {a} rows of {b} seats. How many people are [sitting there|in the hall] if all the others are taken?
        {n} works {a} hours at ${b} an hour and spends ${d} on [food|a taxi|lunch|a book]. How much [money|] does {he} have left?
        {n} earned ${b} a day for {a} days. Then {he} [paid|spent] ${d} for [shoes|a ticket|rent]. What is left?
        A {p} holds {a} {cs} with {b} {ts} each. {n} takes out {d} {ts}. How many {ts} [stay|remain|are still there]?
        {n} sold {a} cakes for ${b} each. The [flour|sugar and eggs|stand at the market] cost {him} ${d}. How much [profit did {he} make|did {he} earn in the end|money did {he} gain]?
        {n} picks {b} {ts} a day for {a} days and then gives {d} to {o}. How many {ts} does {n} have then?
        From {a} bunches of {b} flowers, {d} flowers [wilted|died]. How many flowers are still [fresh|fine]?
        Each of {a} {cs} holds {b} {ts}, but {d} {ts} are [bad|old|spoiled]. How many good {ts} are there?
        {n} has {a} {cs} that can hold {b} {ts} each. {he} has {d} {ts} in them [so far|already]. How many more {ts} fit [in|into them]?
        An album has {a} pages with room for {b} [photos|stamps|stickers] each. {d} places are [filled|full|taken]. How many [are empty|places are free]?
        {n} saves ${b} a week for {a} weeks and then [spends|loses|lends {o}] ${d}. How much [money|] does {he} have [left|then]?
        A book has {a} chapters of {b} pages. I have read {d} pages. How many pages [do I still have to read|are left]?
        {n} needs {a} {cs} of {b} {ts}. {he} has only {d} {ts}. How many {ts} does {he} still need?
        {a} children need {b} pencils each. There are only {d} pencils. How many pencils are missing?
        {n} wants to give {b} {ts} to each of {his} {a} friends but has only {d}. How many more {ts} must {he} [get|find|buy]?
        {a} shirts at ${b} each would cost too much, but I have a coupon for ${d} off the total. How much do I pay?
        {n} buys {a} {ts} [for|at] ${b} each and gets ${d} off the [whole bill|total]. [What does {he} pay|How much does {he} pay|How much must {he} pay]?
        {n} drew {a} ladybirds with {b} dots each but forgot {d} dots. How many dots did {he} draw?
        Work out how many {ts} there are when {a} {cs} hold {b} each and {d} {ts} are taken away.
        The class has {a} tables for {b} pupils each. {d} places are [empty|free]. How many pupils are in the class?
        A [bus|van] made {a} trips with {b} people each, but {d} people did not [stay|go on]. How many stayed?
        {n} had {a} {cs} of {b} {ts}, of which {d} were {color}. How many were not {color}?
        In a box are {a} rows of {b} chocolates. {d} chocolates have nuts. How many have no nuts?
        {n} got {a} answers right for {b} points each and lost {d} points for mistakes. What is {his} score?
        I had {a} {cs} of {b} {ts} and [lost|sold|gave away] {d} {ts}. How many [{ts} |]do I have [left|now]?
        {a} {cs} of {b} {ts}, but {d} {ts} are missing. How many [are there|{ts} is that]?
        {a} times {b}, minus {d}?
        I earn ${b} an hour. I worked {a} hours and spent ${d}. [What's left|How much do I have left]?
        If {a} {cs} hold {b} {ts} each and you take {d}, how many {ts} are left?
        We need {a} {cs} of {b} {ts} and have {d} {ts}. How many {ts} [are missing|do we still need]?
        You have {a} bags of {b} [nuts|sweets|grapes]. You eat {d}. How many do you have left?
        My mom bought {a} [bags|boxes] of {b} [oranges|eggs|rolls] and we used {d}. How many [are left|remain|are still there|are left now]?
        Suppose {n} makes {b} {ts} a day for {a} days and sells {d}. How many {ts} does {he} [keep|still have]?
        How much is left of the money if {n} earns ${b} an hour for {a} hours and then buys a {t} for ${d}?
        How many [plates|cups|glasses] are still whole if there were {a} [stacks|boxes] of {b} and {d} [broke|fell down and broke]?
        For the school party the parents baked {a} cakes and cut each one into {b} pieces. In the evening {d} pieces had been eaten. How many pieces of cake were left?
        Tell me how many {ts} remain when {d} of the {ts} in {a} {cs} of {b} are [sold|lost|used].
    """),
    ),
    # pays with d for a at b each; needs d, has saved b in each of a weeks
    Relation(
        ("a * b", "d - #1"),
        {"a": (2, 12), "b": (2, 12), "d": (10, 150)},
        lines("""
        {n} buys {a} {ts} [at|for] ${b} each and pays with ${d}. How much [change|money] does {he} get back?
        {n} [had|has|takes along] ${d}. {he} bought {a} {ts} for ${b} each. How much [money|] [is left|does {he} have left|has {he} still got]?
        I have ${d} and buy {a} [sandwiches|books|tickets|pens] at ${b} each. What do I have left?
        A {t} costs ${b}. {n} pays for {a} of them with ${d}. What is {his} change?
        How much [change|money] do I get back from ${d} if I buy {a} [toys|cakes|pizzas] for ${b} each?
        With ${d} in {his} pocket {n} goes to the [shop|market|fair] and gets {a} {ts}, each for ${b}. How much [comes home with {him}|is left over]?
        {n} wants a [bike|phone|game|guitar] that costs ${d}. {he} has saved ${b} a week for {a} weeks. How much more does {he} need?
        {n} saves ${b} every month to buy a {t} for ${d}. How much is still missing after {a} months?
        The [trip|tent|jacket] costs ${d}. I put aside ${b} each week. How much [more must I save|do I still need] after {a} weeks?
        {n} had {d} {ts} and gave {b} [of them |]to each of {his} {a} friends. How many {ts} [does {he} have left|are left|remain]?
        {n} has {d} {ts}. {he} fills {a} {cs} with {b} {ts} each. How many {ts} are left over?
        From {d} {ts}, {a} {cs} of {b} each are made. How many {ts} [are not used|stay over|remain]?
        A book has {d} pages. {n} reads {b} pages a day [for|over] {a} days. How many pages [are left|does {he} still have to read|remain]?
        There are {d} pages in the book. I read {b} pages on each of {a} evenings. How many are left to read?
        A baker had {d} eggs and used {b} for each of {a} cakes. How many eggs were not used?
        A [rope|ribbon|board] is {d} [cm|inches|feet] long. {n} cuts off {a} pieces of {b} [each|]. How long is the rest?
        The tank holds {d} litres of water. Every hour {b} litres [leak out|are used]. How much is [left|in it] after {a} hours?
        A candle is {d} mm tall and burns down {b} mm an hour. How tall is it after {a} hours?
        {d} [people|children|guests] came. {a} tables of {b} were full, and the others had to stand. How many stood?
        {d} pupils go on a trip. {a} vans take {b} pupils each and the [others|rest] go by bus. How many go by bus?
        {n} has to [drive|walk|ride] {d} km. {he} does {b} km an hour for {a} hours. How far is it [still|from there]?
        A shop had {d} {ts}. It sold {b} a day. How many [are|were] left after {a} days?
        {a} people each took {b} {ts} from a {p} with {d} {ts}. How many {ts} are still in it?
        {n} has {d} [eggs|apples|potatoes]. {he} sells {a} bags with {b} in each. How many does {he} keep?
        Of {d} [chairs|seats], {a} rows of {b} are used. How many are not used?
        If you have {d} {ts} and give {a} children {b} each, how many {ts} do you keep?
        You pay with a note of ${d}. {a} drinks cost ${b} each. How much should you get back?
        {d} coins are on the table. {n} makes {a} [piles|towers] of {b} coins each. How many coins are [still loose|not used]?
        {n} must write {d} [cards|letters|words]. {he} writes {b} a day. How many are still to do after {a} days?
        Find the money left: ${d} at first, then {a} [tickets|rides|lunches] at ${b} each.
        How many {ts} does {n} have left of {d} after giving {b} to each of {a} [friends|children|neighbors]?
        A phone battery shows {d} percent and loses {b} percent an hour. What does it show after {a} hours?
        {d} is how much more than {a} times {b}?
        I had ${d}. I bought {a} {ts} at ${b} each. [What's left|How much is left|How much do I have now]?
        I pay ${d} for {a} {ts} at ${b} each. How much change?
        I have {d} {ts}. I give {a} friends {b} each. How many [{ts} |]do I [keep|have left]?
        {d} {ts}, and {a} {cs} of {b} are taken. How many [are left|{ts} remain]?
        {d} minus {a} times {b}?
        I need ${d} and save ${b} a week. How much is missing after {a} weeks?
        We had {d} {ts} and sold {a} {cs} with {b} in each. How many {ts} [are left|remain|are there now]?
        Suppose you have ${d} and buy {a} {ts} for ${b} each. How much do you keep?
        You want {d} {ts} and make {b} a day. How many do you still need after {a} days?
        How much change does {n} get from ${d} if {he} buys {a} {ts} that cost ${b} each?
        How many {ts} remain if {n} takes {a} {cs} with {b} {ts} each out of a {p} that had {d} {ts}?
        {n} got ${d} for {his} birthday and went to the fair, where {he} took {a} rides that cost ${b} each. How much of the birthday money did {he} bring home?
        Out of {d} {ts}, {b} went to each of {a} [schools|shops|people]. Find the number of {ts} that [are left|were not given away].
    """),
    ),
    # a and twice as many
    Relation(
        ("2 * a", "a + #1"),
        {"a": (2, 66)},
        lines("""
        {n} has {a} {ts}. {o} has twice as many. How many {ts} do they have [together|altogether|in all]?
        {n} [found|has|bought|collected] {a} {ts} and {o} [twice|two times] as many. How many is that [together|in total]?
        There are {a} [boys|men|old people] and twice as many [girls|women|young people]. How many are there in all?
        {n} read {a} pages on {day} and twice as many on {day2}. How many pages did {he} read on the two days?
        A {t} costs ${a} and a {u} costs twice as much. What do the two cost together?
        I ran {a} km yesterday and twice as far today. How far did I run in all?
        My brother has {a} {ts} and I have double that. How many do we have [together|altogether|in all]?
        In the [first half|first game] the team scored {a} points, in the second twice as many. How many points did it score [in total|altogether]?
        {n} picked {a} {ts} and double that number of {us}. How many things did {he} pick [in all|]?
        If {o} has {a} {ts} and {n} has twice that number, how many {ts} are there [in all|together]?
        How many animals are on a farm with {a} cows and twice as many hens?
        The shop sold {a} {ts} in the morning and twice that many in the afternoon. How many did it sell [that day|all day]?
        {n} worked {a} hours last week and double that this week. Find the total hours.
        A baby slept {a} minutes, woke up, and then slept twice as long. How many minutes did it sleep altogether?
        I have {a} {ts}, you have twice as many. How many do we have [together|in all]?
        {a} {ts} and twice as many {us}. How many things [are there|is that]?
        I ate {a} [nuts|grapes] and my brother ate twice as many. How many did we eat?
        A {t} is ${a}, a {u} is double. What's the price of both?
        {n} made {a} {ts} on {day} and double that on {day2}. Total?
        How many {ts} do {n} and {o} have together if {n} has {a} and {o} has twice as many?
        How much do a [cup|fork] for ${a} and a [pot|pan] for twice the price cost together?
    """),
    ),
    # a and three times as many
    Relation(
        ("3 * a", "a + #1"),
        {"a": (2, 49)},
        lines("""
        {n} has {a} {ts}. {o} has three times as many. How many {ts} do they have [together|altogether|in all]?
        There are {a} [roses|lilies] and three times as many tulips. How many flowers are there [together|]?
        On the road are {a} [trucks|buses] and three times as many [cars|bikes]. How many vehicles is that?
        {n} [sold|made|painted] {a} {ts} on {day} and three times as many on {day2}. What is the total?
        A pen costs ${a} and a book three times as much. How much do both cost?
        I have {a} {ts} and my sister has three times as many. How many do we have in all?
        A farmer has {a} goats and three times that number of sheep. How many animals is that?
        The {color} {c} holds {a} {ts} and the {color2} one three times as many. How many {ts} are in both?
        {n} drove {a} miles before lunch and three times as far after it. How far did {he} drive?
        I have {a} {ts} and you have three times as many. How many [together|in all]?
        {a} {color} {ts} and three times as many {color2} ones. How many {ts}?
        How many {ts} are there in all if {n} has {a} and {o} has three times as many?
    """),
    ),
    # b times as many, together and difference
    Relation(
        ("a * b", "a + #1"),
        {"a": (2, 40), "b": (2, 9)},
        lines("""
        {n} has {a} {ts}. {o} has {b} times as many. How many {ts} do they have [together|altogether|in all]?
        {o} is {b} times as old as {n}, who is {a}. How old are they together?
        A chair costs ${a} and a table {b} times as much. How much do [both|the two] cost?
        The school has {a} teachers and {b} times as many [pupils|children]. How many people is that?
        {n} caught {a} fish and {his} [father|uncle|mother] {b} times as many. How many fish did they catch?
        There are {a} {ts} in one {c} and {b} times that number in another. How many {ts} are in the two?
        I have {a} {ts}, you have {b} times as many. How many do we have [together|altogether|in all]?
        {a} {color} {ts} and {b} times as many {color2} ones. How many {ts} are there [altogether|in all|in total|]?
        A {t} costs ${a} and a {u} {b} times as much. What's the price of both?
        Suppose {n} made {a} {ts} last week and {b} times as many this week. How many is that in all?
        We sold {a} {ts} on {day} and {b} times that on {day2}. What's the total?
    """),
    ),
    Relation(
        ("a * b", "#1 - a"),
        {"a": (2, 40), "b": (2, 9)},
        lines("""
        {n} has {a} {ts}. {o} has {b} times as many. How many more {ts} does {o} have than {n}?
        A {t} costs ${a}. A {u} costs {b} times as much. How much more [does the {u} cost|is the {u}]?
        {n} is {a} [years old|] and {his} [mother|father|aunt] is {b} times as old. [What is the difference of their ages|How many years are between them]?
        I have {a} points and you have {b} times as many. By how many points do you lead?
        The short rope is {a} m long, the other is {b} times as long. What is the difference?
        A cat weighs {a} pounds and a dog weighs {b} times that. How much heavier is the dog?
        You have {a} {ts}, I have {b} times as many. How many more do I have?
        There are {a} {ts} and {b} times as many {us}. How many more {us} than {ts} are there?
        {n} made {a} {ts} and {o} {b} times as many. What's the difference?
    """),
    ),
    # twice as many, plus or minus b
    Relation(
        ("2 * a", "#1 + b"),
        {"a": (2, 80), "b": (2, 40)},
        lines("""
        {n} has {a} {ts}. {o} has {b} more than twice as many. How many [{ts} does {o} have|{ts} has {o}|does {o} have]?
        {o} has twice as many {ts} as {n} and {b} more. If {n} has {a}, how many {ts} does {o} have?
        {n} had {a} {ts}, doubled that number and then got {b} more. How many {ts} does {he} have now?
        A {u} costs ${b} more than twice the price of a {t}. The {t} is ${a}. What is the price of the {u}?
        Two boxes hold {a} {ts} each, and {b} {ts} lie beside them. How many {ts} are there [altogether|in all|in total|]?
        I bought two bags of {a} [sweets|nuts|marbles] and found {b} more. How many [do I have|have I got|are there]?
        {n} needs {a} minutes to school and the same time back, and {he} also walks the dog for {b} minutes. How many minutes does {he} walk?
        There are {a} bikes with two lights each, and {b} more lights are in the shop. How many lights is that in all?
        {n} is {a}. {o} is {b} years older than twice that. How old is {o}?
        My sister has {a} [books|dolls|comics]. I have twice as many plus {b}. How many [do I have|have I got|are there]?
        Each of my two aunts gave me ${a}, and I had ${b} before. How much money do I have?
        {n} buys two {ts} for ${a} each and a {u} for ${b}. How much does {he} [pay|spend]?
        [Take|Start with] {a}, double it and add {b}. What is the [result|answer]?
        A pair of shoes has 2 shoes. How many shoes are {a} pairs and {b} single shoes?
        The second [class|team|group] collected {b} [bottles|cans] more than double the {a} of the first. How many did the second collect?
        I have two {cs} of {a} {ts} and {b} [more|extra]. How many {ts} [is that|do I have]?
        My {a} {ts} doubled, then I got {b} more. How many do I have now?
        Double {a} and [then|] add {b}. [How much is that|What's the answer]?
        Two {ts} at ${a} each and a {u} at ${b}. How much [is that|in all]?
        How many {ts} does {o} have if {n} has {a} and {o} has {b} more than twice that number?
    """),
    ),
    Relation(
        ("2 * a", "#1 - b"),
        {"a": (2, 90), "b": (2, 40)},
        lines("""
        {n} has {a} {ts}. {o} has {b} [less|fewer] than twice as many. How many [{ts} does {o} have|{ts} has {o}|does {o} have]?
        {n} doubled {his} {a} {ts} and then lost {b}. How many {ts} [are left|remain|are there now]?
        [What is|How much is|What's] twice {a} minus {b}?
        {n} is {a} years old. {o} is {b} years younger than twice that age. How old is {o}?
        Two {cs} with {a} {ts} each fell down, and {b} {ts} broke. How many {ts} are not broken?
        I had two packs of {a} [straws|candles|balloons] and used {b}. How many do I have left?
        {n} bought {a} pairs of socks and lost {b} single socks. How many socks does {he} still have?
        There were {a} pairs of gloves in the shop. {b} gloves are missing. How many gloves are still there?
        {n} earned ${a} on each of two days and then spent ${b} on [a game|shoes|food]. How much is [left|left over|still there]?
        A dress costs ${b} less than two coats at ${a} each. What does the dress cost?
        The bus had {a} people on it. At the station that number doubled, and then {b} got off. How many people are on the bus?
        Today {o} read {b} pages fewer than double the {a} pages of yesterday. How many pages did {o} read today?
        I doubled my {a} {ts} but lost {b}. How many [do I have|have I got|are there]?
        Two {cs} of {a} {ts}, minus {b} {ts}. How many [are left|remain|are still there|are left now]?
        How much does a [lamp|bag] cost if a [chair|coat] costs ${a} and the other thing costs ${b} less than twice as much?
    """),
    ),
    # half of a, then b fewer or more
    Relation(
        ("a / 2", "#1 - b"),
        {"a": (8, 160), "b": (2, 40)},
        lines("""
        {n} had {a} {ts}. {he} gave half of them to {o} and [then|later] lost {b}. How many {ts} [are left|does {n} have left|has {n} now]?
        {n} has {a} {ts}, [gives away|sells] half and [drops|loses|breaks] {b} [more|of the rest]. How many [remain|are left]?
        I had ${a}. I spent half of it on [a book|food|a present] and ${b} on [a drink|the bus|a card]. How much is [left|left over|still there]?
        Half of the {a} [eggs|cookies|rolls] were eaten in the morning and {b} at noon. How many [are left|remain|are still there|are left now]?
        A {p} has {a} {ts}. Half are {color} and go to {o}. Then {b} of the others are sold. How many {ts} are still there?
        A bus has {a} passengers. Half of them get off at the first stop and {b} at the second. How many stay on the bus?
        {o} has {b} fewer {ts} than half of what {n} has. {n} has {a}. How many does {o} have?
        How many of {a} [birds|ducks] are left on the lake when half fly away and then {b} more follow?
        Take half of {a} and [then|] subtract {b} [from it|]. What [do you get|is it]?
        A book has {a} pages. {n} read half of it last week and {b} pages today. How many pages [are left|must {he} still read]?
        The rope was {a} m long. We cut it in half and took {b} m off one half. How long is that piece now?
        A coat was ${a}. It is now half price, and I have a coupon for ${b}. What do I pay?
        Half of {a} children are girls. {b} girls [are ill|went home]. How many girls are [here|still here]?
        I had {a} {ts}. I gave half away and lost {b}. How many [are left|do I have]?
        Halve {a} and [then|] take away {b}. [How much is left|What's the answer]?
        I sold half of my {a} {ts} and then {b} more. How many [are left|remain|are still there|are left now]?
        We had {a} {ts}, half broke, and then {b} more broke. How many are fine?
        How many {ts} does {n} still have if {he} had {a}, gave half to {o} and then lost {b}?
    """),
    ),
    Relation(
        ("a / 2", "#1 + b"),
        {"a": (4, 200), "b": (2, 60)},
        lines("""
        {n} had {a} {ts}, gave half of them away and then [bought|found|got] {b} [more|new ones]. How many {ts} does {he} have now?
        I had {a} [apples|coins|cards]. I lost half of them but then I got {b}. How many [do I have|have I got|are there]?
        Half of the {a} {ts} in the {p} were sold. Then {b} new {ts} came in. How many {ts} are there now?
        {o} has {b} more {ts} than half of {n}'s {a}. How many [{ts} does {o} have|{ts} has {o}|does {o} have]?
        A train with {a} people stops. Half of them leave and {b} people get on. How many people are on the train [now|when it goes on]?
        {n} spent half of {his} ${a} and then earned ${b}. How much [money does {he} have now|money has {he} now|does {he} have now]?
        The tank had {a} litres. Half was used, then it rained and {b} litres ran in. How much water is in it?
        What is {b} more than half of {a}?
        Half of {a} guests went home, and {b} new guests arrived. How many guests are at the party?
        {n} pays half price for a {t} that was ${a}, and ${b} for a {u}. What does {he} pay in total?
        {n} and {o} share {a} {ts} equally. Then {n} gets {b} from {his} [mother|father|teacher]. How many {ts} does {n} have?
        {n} and {his} brother split ${a} evenly. With the ${b} that {n} had before, how much does {n} have?
        I gave away half of my {a} {ts} and got {b} new ones. How many [do I have|have I got|are there]?
        Halve {a} and [then|] add {b}. [How much is that|What's the answer]?
        I had ${a}, spent half, then got ${b}. How much do I have?
        Half of {a} {ts} are sold, then {b} come in. How many are there?
        How many [fish|ducks] are in the pond if half of the {a} were caught and later {b} new ones were put in?
    """),
    ),
    # a third or a quarter
    Relation(
        ("a / 3", "a - #1"),
        {"a": (3, 180)},
        lines("""
        {n} had {a} {ts} and [gave away|lost|sold] a third of them. How many {ts} [are left|remain|are there now]?
        One third of the {a} [pupils|children|guests] [are boys|came late|are ill]. How many others are there?
        I ate a third of my {a} [nuts|grapes|sweets]. How many do I still have?
        The shirt was ${a}. In the sale it is one third cheaper. What does it cost now?
        From {a} litres of [paint|milk|juice] a third is used. How much remains?
        I had {a} {ts} and lost a third. How many [are left|remain|are still there|are left now]?
        We sold one third of {a} {ts}. How many [remain|are left]?
    """),
    ),
    Relation(
        ("a / 4", "a - #1"),
        {"a": (4, 200)},
        lines("""
        {n} had {a} {ts} and [gave away|lost|sold] a quarter of them. How many {ts} [are left|remain|are there now]?
        A quarter of {a} [eggs|plates|bottles] broke. How many are still good?
        One fourth of the {a} {ts} in the {p} are {color}. How many are not {color}?
        {n} has done a quarter of the {a} km. How far is it still?
        The price of ${a} goes down by a quarter. What is the new price?
        I gave a quarter of my {a} {ts} away. How many [are left|remain|are still there|are left now]?
        A quarter of our {a} {ts} [broke|got lost|are gone]. How many remain?
    """),
    ),
    Relation(
        ("a / 2", "a + #1"),
        {"a": (4, 130)},
        lines("""
        {n} has {a} {ts}. {o} has half as many. How many {ts} do they have [together|altogether|in all]?
        {n} sold {a} {ts} in [April|the morning] and half as many [after that|later]. How many {ts} did {he} sell [altogether|in total]?
        A {t} costs ${a} and a {u} half as much. What do both cost?
        I walked {a} minutes, then ran for half that time. How many minutes was I moving?
        There are {a} hens on the farm and half as many ducks. How many birds is that?
        On {day} {n} read {a} pages and on {day2} half as many. What is the total number of pages?
        I have {a} {ts}, you have half as many. How many together?
        {a} {ts} and half as many {us}. How many things is that [in all|altogether|]?
    """),
    ),
    # a and b together, shared by d
    Relation(
        ("a + b", "#1 / d"),
        {"a": (2, 100), "b": (2, 80), "d": (2, 12)},
        lines("""
        {n} has {a} {ts} and {o} has {b}. They put them together and [share|divide] them equally among {d} [children|friends]. How many {ts} does each [one|of them|person] get?
        {n} [picked|bought|made] {a} {ts} in the morning and {b} in the afternoon. {he} packs them into {cs} of {d}. How many {cs} [are there|does {he} need|can {he} fill]?
        There are {a} {color} and {b} {color2} {ts}. If {d} {ts} go in each {c}, how many {cs} are needed?
        {a} boys and {b} girls make teams of {d}. How many teams are there?
        {a} girls and {b} boys are split into {d} equal groups. How many children are in [each|one] group?
        {d} [friends|brothers|sisters] found ${a} and then ${b}. They shared [it all|the money] equally. How much did each one get?
        A pizza costs ${a} and the drinks cost ${b}. {d} friends share the bill equally. How much does each [pay|friend pay]?
        {n} and {o} have {a} and {b} {ts}. All are put into {d} equal [heaps|piles|rows]. How many are in [each|every one]?
        How many {ts} does each of {d} children get if {a} {ts} from {n} and {b} {ts} from {o} are shared equally?
        Last month {n} saved ${a}, this month ${b}. A {t} costs ${d}. How many {ts} can {he} buy [with all that money|]?
        I had ${a} and got ${b} for my birthday. How many [books|tickets|games] at ${d} each can I buy?
        {n} has {a} photos from the sea and {b} from the mountains. {d} photos fit on a page. How many pages does {he} fill?
        In one class there are {a} pupils, in the other {b}. All go in cars with {d} pupils each. How many cars [do they need|are needed]?
        {a} apples and {b} pears are put on {d} plates, the same number on each. How many pieces of fruit are on a plate?
        A cook mixes {a} cups of juice with {b} cups of water and fills {d} [jugs|bottles] equally. How many cups are in each?
        {n} joins a board of {a} cm with one of {b} cm and cuts all into {d} equal pieces. How long is a piece?
        {n} has to read {a} pages of history and {b} pages of science in {d} days. How many pages a day is that?
        It took {a} minutes to clean and {b} minutes to cook. {d} people shared the time equally. How many minutes did each work?
        Add {a} and {b}, then divide by {d}. What is the answer?
        {n} bakes {a} cakes on {day} and {b} on {day2}. They are sent to {d} shops, the same number to each. How many does a shop get?
        Grandpa has {a} coins in one pocket and {b} in the other. He shares them among {d} grandchildren. How many does each receive?
        {a} white and {b} brown eggs are packed, {d} to a box. Find the number of boxes.
        I have {a} {ts} and find {b}. {d} of us share them equally. How many each?
        {a} {ts} and {b} {us} go into {d} {cs} equally. How many things per {c}?
        We have {a} {ts} and {b} {us}, {d} things to a {c}. How many {cs} do we need?
        You have ${a} and get ${b}. A {t} is ${d}. How many {ts} can you buy?
        How much does each of {d} friends pay if the food costs ${a}, the drinks cost ${b} and they share the bill equally?
        How many bags of {d} can {n} fill with {a} {color} and {b} {color2} {ts}?
        {n} picked {a} apples from one tree and {b} from another, carried them all home, and put them in bags with {d} apples in each. How many bags did {he} fill?
    """),
    ),
    Relation(
        ("a + b", "#1 / 2"),
        {"a": (2, 110), "b": (2, 90)},
        lines("""
        [Find|Work out|Calculate|Give me] the average of {a} and {b}.
        [What is|What's] the [average|mean] of {a} and {b}?
        {n} scored {a} points in the first game and {b} in the second. What was {his} average?
        Two children weigh {a} kg and {b} kg. What is the mean weight?
        {n} and {o} have {a} and {b} {ts}. They want to have the same number. How many should each have?
        {n} has {a} {ts} and {o} has {b}. They put all of them together and each takes half. How many {ts} does each take?
        It was {a} degrees on {day} and {b} degrees on {day2}. What was the average temperature of the two days?
        {n} ran {a} laps yesterday and {b} laps today. How many laps a day is that on average?
        I have ${a} and my brother has ${b}. Half of all our money goes to the school. How much does the school get?
        {a} {color} {ts} and {b} {color2} {ts} are in a {p}. Half of all the {ts} are taken. How many {ts} were taken?
        A shop sold {a} {ts} one day and {b} the next. What is the average number sold per day?
        I got {a} points, then {b}. What's my average?
        I have {a} {ts}, you have {b}. We share all equally. How many [does each get|does each one get|does everybody get]?
    """),
    ),
    # what is left of a without b, shared by d
    Relation(
        ("a - b", "#1 / d"),
        {"a": (10, 180), "b": (2, 80), "d": (2, 12)},
        lines("""
        {n} had {a} {ts}, kept {b} and [shared|divided] the rest equally among {d} [friends|children|cousins]. How many {ts} did each [get|one get|of them get]?
        {n} has {a} {ts}. {b} are [broken|bad|lost]. The others are put into {d} {cs} equally. How many {ts} are in each {c}?
        A book has {a} pages. {n} has read {b} [of them|pages]. {he} reads {d} pages a day. How many [more|] days does {he} need [to finish it|for the rest]?
        I have read {b} of {a} pages. I want to finish in {d} days. How many pages must I read [per|a|each] day?
        {n} wants a {t} for ${a} and already has ${b}. If {he} saves ${d} a week, how many weeks [does it take|does {he} need|must {he} save]?
        A [bike|tablet|guitar] costs ${a}. {n} has ${b} and wants to have the money in {d} weeks. How much must {he} save each week?
        {n} had ${a} and spent ${b} on food. With the rest {he} buys tickets at ${d} each. How many tickets can {he} buy?
        How many {ts} at ${d} each can {n} buy with ${a} if {he} keeps ${b}?
        {n} paid ${a} in all for {d} {ts} and a {u}. The {u} was ${b}. How much was [one|each] {t}?
        {d} tickets and a drink cost ${a}. The drink is ${b}. What does one ticket cost?
        There were {a} [children|pupils]. {b} went home, and the others made {d} equal teams. How many were in each team?
        Of {a} people {b} go by bus. The rest go in cars, {d} in each. How many cars are [needed|there]?
        {n} picks {a} flowers, throws away {b} and makes bunches of {d}. How many bunches [are there|does {he} make]?
        After {b} of the {a} {ts} were sold, the rest went into {d} {cs}, the same number in each. How many {ts} per {c}?
        A rope of {a} m loses {b} m at the end and is cut into {d} equal parts. How long is each part?
        {n} had {a} eggs. {he} dropped {b}. Each cake needs {d} eggs. How many cakes can {he} make?
        {n} must drive {a} km. {he} has driven {b} km. How many hours are left at {d} km an hour?
        The tank holds {a} litres and has {b} litres in it. A tap brings {d} litres a minute. How many minutes until it is full?
        We were {a}, but {b} left. The rest sat at {d} tables, the same number at each. How many sat at a table?
        The bill was ${a}. {o} paid ${b}, and the other {d} friends shared the rest. How much did each of them pay?
        {d} brothers share the {a} {ts} that they have, after giving {b} to their sister. How many does each have?
        Subtract {b} from {a} and divide by {d}. What [is the result|is the answer|do you get]?
        {n} needs {a} points and has {b}. Each goal is worth {d} points. How many [more |]goals does {he} need?
        A candle of {a} mm is burned down to {b} mm. It burns {d} mm an hour. How many hours did it burn?
        A number times {d}, plus {b}, is {a}. What is the number?
        I have {a} {ts}, keep {b} and give the rest to {d} friends equally. How many [does each get|does each one get|does everybody get]?
        I need ${a} and have ${b}. I save ${d} a week. How many weeks [do I need|will it take]?
        I had ${a} and spent ${b}. How many {ts} at ${d} can I buy with the rest?
        {a} {ts}, {b} broken, the rest in {cs} of {d}. How many {cs}?
        How many weeks must {n} save ${d} a week if the {t} costs ${a} and {he} has ${b} [already|now]?
        How many {ts} does each child get if {n} has {a}, keeps {b} and shares the rest equally among {d} children?
        {n} baked {a} cookies, but the dog ate {b} of them before anybody saw it. The other cookies were shared equally by the {d} children in the family. How many cookies did each child get?
    """),
    ),
    # groups of groups, products of three
    Relation(
        ("a * b", "#1 * d"),
        {"a": (2, 7), "b": (2, 7), "d": (2, 7)},
        lines("""
        There are {a} [shelves|tables|cupboards] with {b} {cs} each, and every {c} holds {d} {ts}. How many {ts} are there [altogether|in all|in total|]?
        {n} has {a} bags. In each bag are {b} boxes, and in each box {d} {ts}. How many {ts} is that [in all|altogether|]?
        {a} [children|people|workers] each need {b} {ts} a day. How many {ts} do they need for {d} days?
        {a} [cats|dogs|rabbits] eat {b} [cans|cups|carrots] a day each. How many do they eat in {d} days?
        A house has {a} floors. Each floor has {b} flats with {d} rooms. How many rooms are in the house?
        {n} works {a} hours a day, {b} days a week, for ${d} an hour. How much does {he} earn in a week?
        {n} runs {a} laps of {b} km on each of {d} days. How many km [does {he} run|is that]?
        {n} takes {a} pills {b} times a day. How many pills does {he} take in {d} days?
        How many {ts} are in {a} {cs} if each has {b} rows of {d}?
        {a} friends buy {b} [drinks|tickets|books] each at ${d} a piece. How much do they pay together?
        A box is {a} cm long, {b} cm wide and {d} cm high. What is its volume in cubic cm?
        {a} machines make {b} {ts} an hour each. How many {ts} do they make in {d} hours?
        {n} writes {a} letters of {b} pages each, with {d} lines on every page. How many lines is that?
        {n} drives to work and back, {a} trips a day of {b} miles each, {d} days a week. How many miles a week?
        I drink {a} cups of tea a day with {b} spoons of sugar each. How many spoons do I use in {d} days?
        A tree has {a} branches, each branch has {b} nests, and each nest has {d} eggs. How many eggs?
        {n} bought {a} packs of {b} {ts} each, and every {t} cost ${d}. [What did {he} pay|How much did {he} pay]?
        {a} {cs}, {b} bags in each, {d} {ts} in each bag. How many {ts}?
        I have {a} bags of {b} {ts}. Each {t} costs ${d}. What did I pay?
        {a} people, {b} {ts} a day each, {d} days. How many {ts}?
        We need {b} {ts} a day for each of {a} [people|children|workers]. How many {ts} [do we need|are needed] for {d} days?
        {a} times {b} times {d}?
        How many {ts} must {n} buy for {a} people if each person uses {b} a day and they stay {d} days?
    """),
    ),
    # a groups of b shared by d
    Relation(
        ("a * b", "#1 / d"),
        {"a": (2, 14), "b": (2, 14), "d": (2, 12)},
        lines("""
        {n} has {a} {cs} of {b} {ts}. {he} shares all {ts} equally among {d} [children|friends]. How many {ts} does each [one|of them|person] get?
        {a} packs with {b} [cards|cookies|stickers] are shared by {d} [pupils|players|sisters]. How many [does each get|does each one get|does everybody get]?
        {a} {cs} hold {b} {ts} each. All {ts} are moved to {d} {cs}, the same number in each. How many {ts} are in [one|each] now?
        I buy {a} bags of {b} sweets for {d} kids. How many sweets are there for each kid?
        {n} earns ${b} an hour and works {a} hours. How many {ts} at ${d} each can {he} buy [with that money|]?
        {n} [saved|put aside] ${b} a week for {a} weeks and bought [tickets|toys] for ${d} each with all the money. How many did {he} buy?
        {a} [workers|painters] need {b} days for a job. How many days would {d} need [for the same job|]?
        There are {a} rows of {b} chairs. The same chairs are put in {d} rows. How many chairs are in a row?
        {a} friends bring {b} pizzas each. {d} people share all the pizzas equally. How many pizzas does each person get?
        A cook has {a} boxes of {b} eggs and uses {d} eggs a day. For how many days do they last?
        {n} reads {b} pages a day and needs {a} days for a book. How many days would it take at {d} pages a day?
        {a} vans bring {b} people each. They sit at tables of {d}. How many tables are [full|needed]?
        If {a} {ts} cost ${b} each and {d} friends share the cost, what does each friend pay?
        A field is {a} m by {b} m. It is cut into {d} equal parts. How many square metres has each part?
        {n} picks {a} baskets of {b} apples and makes bags of {d}. How many bags does {he} get?
        A box has {a} layers of {b} chocolates. {d} people eat all of them and have the same number each. How many does each eat?
        I have {a} {cs} of {b} {ts} for {d} friends. How many {ts} each?
        {a} {cs} of {b} {ts}, shared by {d}. How many each?
        We have {a} bags of {b} {ts} and make {cs} of {d}. How many {cs}?
        How many {ts} does each of {d} children get if {a} {cs} of {b} {ts} are shared equally?
    """),
    ),
    # two rates together for d days
    Relation(
        ("a + b", "#1 * d"),
        {"a": (2, 30), "b": (2, 30), "d": (2, 10)},
        lines("""
        {n} [makes|packs|sells] {a} {ts} in the morning and {b} in the evening, every day. How many {ts} is that in {d} days?
        {n} picks {a} {ts} [a day|each day] and {o} {b}. How many {ts} do they pick [together|] in {d} days?
        A {t} costs ${a} and a {u} ${b}. How much do {d} of each cost?
        Each of {d} {cs} has {a} {ts} and {b} {us}. How many things are [there|in them] altogether?
        {d} children each get {a} apples and {b} plums. How many pieces of fruit is that?
        {n} runs {a} minutes and swims {b} minutes [a day|every day]. How many minutes of sport is that in {d} days?
        The way to school is {a} minutes by bus and {b} minutes on foot. {n} goes {d} times. How many minutes does {he} travel?
        Every week {n} saves ${a} and {his} [father|aunt] adds ${b}. How much is there after {d} weeks?
        There are {a} boys and {b} girls. Each child gets {d} [pens|books|cookies]. How many are needed?
        {a} men and {b} women each pay ${d}. How much money is [paid|collected]?
        On a farm are {a} cows and {b} sheep. Each animal eats {d} kg a day. How many kg do they eat in a day?
        A machine makes {a} {ts} an hour, another makes {b}. How many do both make in {d} hours?
        I spend ${a} on lunch and ${b} on the bus each day. What do I spend in {d} days?
        One tap gives {a} litres a minute and the other {b}. How many litres run in {d} minutes with both open?
        {n} used to get ${a} an hour. Now {he} gets ${b} more. What does {he} earn in {d} hours?
        {n} made {a} {ts} a day. Now {he} makes {b} more a day. How many does {he} make in {d} days now?
        Two cars start at the same place and drive in opposite directions, one at {a} km an hour, the other at {b}. How far apart are they after {d} hours?
        Lunch is ${a} and a drink ${b}. What do {d} people pay if each has both?
        {n} has {a} {color} and {b} {color2} {ts}. Each is worth ${d}. What are they worth in all?
        {n} sold {a} {ts} on {day} and {b} on {day2} for ${d} each. How much [money|] did {he} get?
        Work out {d} times the sum of {a} and {b}.
        {n} worked {a} hours on {day} and {b} hours on {day2}. {he} gets ${d} an hour. How much [did {he} earn|money did {he} make|money did {he} earn]?
        I make {a} {ts} a day and you make {b}. How many do we make in {d} days?
        {d} {cs} with {a} {ts} and {b} {us} each. How many things?
        I sold {a} {ts} and then {b}, each for ${d}. How much [money|] did I [get|make|earn]?
        How much do {d} people pay [in all|together] if each buys a {t} for ${a} and a {u} for ${b}?
        How many minutes does {n} practise in {d} days if {he} sings {a} minutes and dances {b} minutes [a day|each day|every day]?
    """),
    ),
    Relation(
        ("a - b", "#1 * d"),
        {"a": (4, 50), "b": (2, 40), "d": (2, 12)},
        lines("""
        {a} [children|guests|friends] were invited, but {b} did not come. Each of the others brought {d} {ts}. How many {ts} were brought?
        There are {a} pupils in the class. {b} are ill. Every pupil who is there gets {d} {ts}. How many {ts} are given out?
        A {t} costs ${a}. Today it is ${b} cheaper. How much do {d} {ts} cost today?
        {n} has a coupon for ${b} off each {t}. The normal price is ${a}. What does {he} pay for {d}?
        {n} bought {d} {ts} for ${b} each and sold them for ${a} each. How much [profit|money] did {he} make?
        {n} earns ${a} a day and spends ${b} of it. How much [does {he} save|is left] in {d} days?
        There were {a} cows, and {b} were sold. Each of the rest gives {d} litres of milk. How many litres [is that|do they give]?
        {n} had {a} {ts}, lost {b} and sold the rest for ${d} each. How much [money|] did {he} [get|earn|make]?
        {n} baked {a} cakes. {b} burned. The others were sold at ${d} each. How much money did {he} make?
        Each of {d} {cs} had {a} {ts}. {b} {ts} were taken out of each. How many {ts} are left in all?
        A shop has a day of {a} hours with a break of {b} hours. In every other hour it sells {d} {ts}. How many {ts} does it sell?
        {a} tickets were printed and {b} not sold. A ticket costs ${d}. How much money came in?
        {n} makes {a} {ts} a day, and {o} makes {b} a day. How many more does {n} make in {d} days?
        A tank gets {a} litres an hour and loses {b} litres an hour. It was empty. How many litres are in it after {d} hours?
        A snail climbs {a} cm by day and slips back {b} cm by night. How high is it after {d} days and nights?
        {n} planned to work {a} hours but stopped {b} hours early. The pay is ${d} an hour. What did {he} earn?
        How much do {d} friends pay together if a ticket is ${a} and each gets ${b} off?
        Of {a} tables {b} are broken. {d} people can sit at each good table. How many people can sit down?
        A bus has {a} rows. {b} rows are closed. There are {d} seats in a row. How many seats can be used?
        I bought {a} packs and gave back {b}. Each pack has {d} batteries. How many batteries do I have?
        I had {a} {ts}, lost {b} and sold the rest for ${d} each. How much [money|] did I [get|make|earn]?
        {a} friends, {b} stay home, the others bring {d} {ts} each. How many {ts}?
        I earn ${a} a day and spend ${b}. How much do I save in {d} days?
        A {t} is ${a}, now ${b} off. What do {d} {ts} cost?
        How much does {n} get if {he} has {a} {ts}, keeps {b} and sells the others for ${d} each?
        How many legs are in the [barn|field] if {a} animals were there, {b} left, and each of the rest has {d} legs?
    """),
    ),
    # one piece, then several
    Relation(
        ("a / b", "#1 * d"),
        {"a": (4, 120), "b": (2, 12), "d": (2, 12)},
        lines("""
        {b} {ts} cost ${a}. [How much|What] do {d} {ts} cost?
        If {b} {ts} cost ${a}, what is the price of {d} {ts}?
        {n} pays ${a} for {b} [tickets|pens|cakes]. How much would {d} be?
        {n} earns ${a} in {b} hours. How much does {he} earn in {d} hours?
        {n} reads {a} pages in {b} days. How many pages does {he} read in {d} days at the same speed?
        A car goes {a} km in {b} hours. How far does it go in {d} hours?
        {b} {cs} hold {a} {ts}. How many {ts} are in {d} {cs}?
        A machine makes {a} {ts} in {b} minutes. How many does it make in {d} minutes?
        {a} {ts} are just enough for {b} [children|friends]. How many {ts} are [needed|enough] for {d}?
        {n} puts {a} {ts} into {b} {cs} equally. How many {ts} would [go into|fit into|be in] {d} such {cs}?
        For {b} people I need {a} eggs. How many eggs do I need for {d} people?
        {b} cats eat {a} cans a week. How many cans do {d} cats eat [in a week|]?
        A tap fills {a} litres in {b} minutes. How many litres come out in {d} minutes?
        {b} bags of rice weigh {a} kg. What do {d} bags weigh?
        {a} pupils sit at {b} tables, the same number at each. How many pupils can sit at {d} such tables?
        {n} needs {a} minutes for {b} laps. How long does {he} need for {d} laps?
        How many km can you drive with {d} litres if you can drive {a} km with {b} litres?
        {n} packs {b} {ts} in a {c} and sells a {c} for ${d}. {he} has {a} {ts}. How much money can {he} make?
        {n} sells {a} {ts} at {b} for ${d}. How much [does {he} get|money is that]?
        {b} {ts} for ${a}. How much for {d}?
        I paid ${a} for {b} {ts}. What would I pay for {d}?
        I read {a} pages in {b} hours. How many in {d} hours?
        We make {a} {ts} in {b} days. How many in {d} days?
        {a} {ts} in {b} {cs}. How many {ts} in {d} {cs}?
        How much do {d} {ts} cost if {b} of them cost ${a}?
        How far does {n} get in {d} hours if {he} needs {b} hours for {a} km?
    """),
    ),
    # a share, then d more or fewer
    Relation(
        ("a / b", "#1 + d"),
        {"a": (6, 150), "b": (2, 12), "d": (2, 60)},
        lines("""
        {a} {ts} are shared equally among {b} [children|friends]. One of them already had {d}. How many {ts} does that one have now?
        {n} and the others, {b} children in all, share {a} {ts} equally. Then {n} finds {d} more. How many {ts} does {n} have?
        {b} friends share ${a} equally. {n} is one of them and had ${d} before. How much does {n} have now?
        {n} splits {a} {ts} into {b} equal heaps and puts {d} more on one. How many {ts} are on that heap?
        {b} people share a bill of ${a} equally, and {n}, who is one of them, leaves a tip of ${d}. What does {n} pay in all?
        Divide {a} by {b} and add {d}. What [is the result|is the answer|do you get]?
        {n} fills {cs} with {b} {ts} each until all {a} are used. {he} has {d} more full {cs}. How many full {cs} are there?
        A class of {a} is split into {b} equal teams. {d} new children join one team. How many children are in this team [now|]?
        {a} people fill cars with {b} people in each, and {d} more cars are empty. How many cars are there?
        {b} of us share {a} {ts} equally. I had {d} before. How many do I have now?
        {a} divided by {b}, plus {d}?
        I get one of {b} equal parts of {a} {ts} and {d} more. How many {ts} do I get?
    """),
    ),
    Relation(
        ("a / b", "#1 - d"),
        {"a": (12, 200), "b": (2, 9), "d": (2, 30)},
        lines("""
        {a} {ts} are shared equally among {b} [children|friends]. {n}, one of them, [loses|gives away|sells] {d}. How many {ts} does {n} have left?
        {n} puts {a} {ts} into {b} {cs} equally. Then {d} {ts} are taken from one {c}. How many {ts} are left in this {c}?
        {b} brothers share ${a} equally. One of them spends ${d}. How much does he have then?
        {a} cookies on {b} plates, the same number on each. I eat {d} from my plate. How many are left on my plate?
        Divide {a} by {b}, then take away {d}. What is left?
        {n} packs {a} {ts} in {cs} of {b} and sells {d} {cs}. How many {cs} are left?
        A book of {a} pages is read at {b} pages a day. {n} has been reading for {d} days. How many more days does {he} need?
        {n} needs {a} {ts}. They come in {cs} of {b}. {he} has {d} {cs} already. How many more {cs} must {he} buy?
        {b} children share {a} balloons equally. Mine were fine until {d} of them popped. How many [do I have|have I got|are there]?
        {b} of us share {a} {ts} equally. I lose {d}. How many [do I have|have I got|are there]?
        {a} divided by {b}, minus {d}?
        We put {a} {ts} in {cs} of {b} and sell {d} {cs}. How many {cs} are left?
    """),
    ),
    # wheels and legs
    Relation(
        ("4 * a", "#1 + b"),
        {"a": (2, 40), "b": (2, 40)},
        lines("""
        {a} cars have 4 wheels each. {b} more wheels lie in the garage. How many wheels are there?
        How many legs do {a} [dogs|cows|cats|chairs] and {b} [lamps|tables|stools] with one leg each have?
        {n} has {a} [tables|chairs] with four legs and {b} spare legs. How many legs is that in all?
        A square has sides of {a} m. {n} walks around it once and {b} m further. How far does {he} walk?
        {a} teams have four [players|runners] each, and {b} [people|children] watch. How many people are there?
        I got {a} stars on each of four days and {b} stars today. How many stars do I have?
        The bus came four times with {a} people, and {b} people came on foot. How many people came?
        How many wheels do {a} cars and {b} wheelbarrows with one wheel each have?
        {n} buys {a} packs of four {ts} and {b} single ones. How many {ts} did {he} buy?
        I have four {cs} of {a} {ts} and {b} more. How many {ts}?
        Four {ts} cost ${a} each and a {u} ${b}. What do I pay?
    """),
    ),
    Relation(
        ("4 * a", "#1 - b"),
        {"a": (2, 45), "b": (2, 40)},
        lines("""
        {n} made {a} wooden horses with four legs, but {b} legs broke off. How many legs are still on?
        {a} cars need 4 new tyres each. The garage has {b} tyres. How many tyres must it order?
        {a} tables need four chairs each, and there are {b} chairs. How many chairs are missing?
        {n} had {a} packs of four {ts} and gave away {b} {ts}. How many [are left|remain|are still there|are left now]?
        A square has sides of {a} cm. An ant has walked {b} cm around it. How far is it to go all the way around?
        I had four {cs} of {a} {ts} and lost {b}. How many {ts} [are left|remain|are there now]?
    """),
    ),
    # dozens, weeks, hours
    Relation(
        ("12 * a", "#1 - b"),
        {"a": (2, 16), "b": (2, 60)},
        lines("""
        {n} bought {a} dozen eggs, and {b} broke. How many [eggs|] are [left|good|not broken]?
        I had {a} dozen {ts} and [sold|used|gave away] {b}. How many {ts} do I have left?
        A baker made {a} dozen rolls and sold {b}. How many rolls are left?
        From {a} dozen {ts}, {b} are missing. How many are there?
        {a} boxes hold a dozen {ts} each. {n} takes {b} {ts}. How many {ts} are left in the boxes?
        How many months are left of {a} years when {b} months are over?
        A loan runs for {a} years. {n} has paid for {b} months. For how many more months must {he} pay?
        We had {a} dozen {ts}, {b} are gone. How many [are left|remain|are still there|are left now]?
        How many eggs are left if {n} buys {a} dozen and uses {b}?
    """),
    ),
    Relation(
        ("12 * a", "#1 + b"),
        {"a": (2, 14), "b": (2, 40)},
        lines("""
        {n} has {a} dozen {ts} and {b} [more|single ones]. How many {ts} [does {he} have|has {he} got|are there]?
        How many months are {a} years and {b} months?
        How many inches are {a} feet and {b} inches if a foot has 12 inches?
        I buy {a} dozen eggs and still have {b} eggs at home. How many eggs is that?
        The shop got {b} {ts} and then {a} dozen more. How many {ts} did it get?
        A baby is {a} years and {b} months old. What is its age in months?
        {a} dozen {ts} and {b} more. How many {ts}?
    """),
    ),
    Relation(
        ("7 * a", "#1 + b"),
        {"a": (2, 25), "b": (2, 30)},
        lines("""
        How many days are {a} weeks and {b} days?
        {n} was [away|ill|on holiday] for {a} weeks and {b} days. How many days was that?
        {n} [paints|makes|sells] {a} {ts} a day for a week and then {b} more. How many {ts} is that [altogether|in all|in total|]?
        I read {a} pages every day of the week and {b} more on the next day. How many pages did I read?
        The trip takes {a} weeks, and I stay {b} more days. How many days am I away?
        A hen laid {a} eggs a day for a week. There were {b} eggs before. How many eggs are there now?
        {n} saves ${a} a day for one week. With {his} ${b} from last week, how much does {he} have?
        I make {a} {ts} a day for a week, plus {b}. How many {ts}?
        How many days did {n} stay if {he} stayed {a} weeks and {b} days?
    """),
    ),
    Relation(
        ("7 * a", "#1 - b"),
        {"a": (2, 28), "b": (2, 40)},
        lines("""
        The holidays last {a} weeks. {b} days are over. How many days are left?
        {n} earned ${a} a day for a week and spent ${b}. How much is [left|left over|still there]?
        It is {a} weeks until the [party|trip|test]. How many days will it be when {b} days have passed?
        {n} made {a} {ts} every day for a week. {b} of them broke. How many {ts} are fine?
        I have to learn {a} words a day for a week. I know {b} of them already. How many words are left?
        I got {a} {ts} each day of a week and lost {b}. How many [do I have|have I got|are there]?
    """),
    ),
    Relation(
        ("60 * a", "#1 + b"),
        {"a": (1, 3), "b": (2, 55)},
        lines("""
        A film lasts {a} h and {b} minutes. How many minutes is that?
        How many minutes are in {a} h {b} min?
        {n} worked {a} h and then {b} minutes more. How long was that in minutes?
        The drive took {a} h {b} min. Give the time in minutes.
        How many seconds are {a} min and {b} seconds?
    """),
    ),
    Relation(
        ("24 * a", "#1 + b"),
        {"a": (2, 7), "b": (2, 23)},
        lines("""
        How many hours are {a} days and {b} hours?
        The [ship|journey|trip] takes {a} days and {b} hours. How many hours is that?
        {n} waited {a} days and {b} hours for an answer. How many hours did {he} wait?
    """),
    ),
    # around a rectangle
    Relation(
        ("a + b", "2 * #1"),
        {"a": (2, 60), "b": (2, 40)},
        lines("""
        A [garden|field|room|park] is {a} m long and {b} m wide. How long is [the fence around it|the way around it|its perimeter]?
        [Find|Work out|Calculate] the perimeter of a rectangle with sides of {a} cm and {b} cm.
        A rectangle has a length of {a} and a width of {b}. What is its perimeter?
        {n} walks once around a field that is {a} m by {b} m. How far does {he} walk?
        How much fence does {n} need for a garden of {a} m by {b} m?
        A picture is {a} cm wide and {b} cm high. How many cm of frame go around it?
        {n} has {a} {color} and {b} {color2} {ts}. {o} has twice as many {ts} altogether as {n}. How many [{ts} does {o} have|{ts} has {o}|does {o} have]?
        A {t} is ${a} and a {u} is ${b}. What do two of each cost?
        {n} drives {a} km to the shop and {b} km on to the lake, then the same way back. How far is that?
        I do {a} push-ups and {b} sit-ups twice a day. How many is that a day?
        A pie takes {a} minutes to make and {b} minutes to bake. How many minutes do two pies take, one after the other?
        Each of the two rooms has {a} tables and {b} chairs. How many pieces of furniture is that?
        Double the sum of {a} and {b}. What [is the result|is the answer|do you get]?
        I buy two {ts} at ${a} and two {us} at ${b}. How much?
        Two {cs} with {a} {ts} and {b} {us} each. How many things are there?
        How many metres does {n} run if {he} runs once around a place that is {a} m long and {b} m wide?
    """),
    ),
    # three times as many, plus or minus b
    Relation(
        ("3 * a", "#1 + b"),
        {"a": (2, 50), "b": (2, 40)},
        lines("""
        {n} has {a} {ts}. {o} has {b} more than three times as many. How many [{ts} does {o} have|{ts} has {o}|does {o} have]?
        {n} ate {a} [nuts|grapes|berries] on each of three days and {b} on the fourth day. How many did {he} eat?
        Three [pots|plates|bags] cost ${a} each and a [knife|fork|spoon] costs ${b}. What is the price of all?
        Three {cs} of {a} {ts} and {b} more. How many {ts} are there [in all|]?
        [What is|How much is] three times {a} plus {b}?
        A triangle has three sides of {a} cm. {n} draws around it and then a line of {b} cm. How many cm did {he} draw?
        {n} has three jobs that pay ${a} each and got ${b} from {his} aunt. How much money does {he} get?
        My three sisters each gave me {a} {ts}. I had {b} before. How many do I have now?
        I have three {cs} of {a} {ts} and {b} single {ts}. How many?
    """),
    ),
    Relation(
        ("3 * a", "#1 - b"),
        {"a": (3, 60), "b": (2, 40)},
        lines("""
        {n} has {a} {ts}. {o} has {b} [less|fewer] than three times as many. How many [{ts} does {o} have|{ts} has {o}|does {o} have]?
        {n} had three {cs} of {a} {ts} and gave {b} {ts} to {o}. How many {ts} [are left|remain|are there now]?
        Three classes with {a} children each went to the zoo. {b} children went home early. How many stayed?
        I made three jugs of {a} cups and we drank {b} cups. How many cups are left?
        [What is|How much is] three times {a} minus {b}?
        {n} needs three boards of {a} cm each and has {b} cm of board. How many cm are missing?
        Three rows of {a} seats, {b} of the seats are taken. How many seats are free?
        We had three {cs} of {a} {ts} and used {b}. How many [are left|remain|are still there|are left now]?
    """),
    ),
    # half of all groups; half of a in groups, or sold
    Relation(
        ("a * b", "#1 / 2"),
        {"a": (2, 14), "b": (2, 14)},
        lines("""
        {n} has {a} {cs} of {b} {ts} each and gives half of all {ts} to {o}. How many {ts} does {o} get?
        There are {a} rows of {b} seats. Half of the seats are [taken|free|red]. How many seats is that?
        I bought {a} boxes of {b} [sweets|eggs|rolls]. Half of them are gone. How many [are left|remain|are still there|are left now]?
        {n} worked {a} hours for ${b} an hour and saved half of the money. How much did {he} save?
        A triangle has a base of {a} cm and a height of {b} cm. What is its area in square cm?
        {a} {ts} cost ${b} each, but today everything is half price. What do they cost today?
        {n} and {o} share the cost of {a} [meals|tickets|games] at ${b} each equally. What does each pay?
        Half of the pupils in {a} classes of {b} pupils each play football. How many play football?
        How many {ts} are {color} if half of the {ts} in {a} {cs} of {b} are {color}?
        I have {a} {cs} of {b} {ts} and give half away. How many {ts} [are left|remain|are there now]?
    """),
    ),
    Relation(
        ("a / 2", "#1 / b"),
        {"a": (8, 200), "b": (2, 10)},
        lines("""
        {n} kept half of {his} {a} {ts} and shared the other half equally among {b} [friends|children]. How many {ts} did each of them get?
        Half of {a} [children|people] go by car, {b} in each car. How many cars are needed?
        {n} spends half of ${a} on {ts} that cost ${b} each. How many {ts} does {he} get?
        I have read half of a book with {a} pages. I read {b} pages a day. How many days do I need for the other half?
        Half of the {a} {ts} are put into {b} {cs}, the same number in each. How many {ts} are in a {c}?
        A farmer sells half of {a} eggs and puts the rest in boxes of {b}. How many boxes are filled?
        I share half of my {a} {ts} with {b} friends equally. How many does each friend get?
    """),
    ),
    Relation(
        ("a / 2", "#1 * b"),
        {"a": (4, 60), "b": (2, 12)},
        lines("""
        {n} has {a} {ts} and sells half of them for ${b} each. How much money does {he} get?
        Half of {a} [pupils|guests|children] bring {b} {ts} each. How many {ts} do they bring?
        A ticket costs ${a}. Children pay half. What do {b} children pay?
        {n} bought {b} {ts} that were ${a} each at half price. [What did {he} pay|How much did {he} pay]?
        Of {a} hens half lay an egg every day. How many eggs do they lay in {b} days?
        The normal way is {a} km, the short one half of it. How many km are {b} trips on the short way?
        I sold half of my {a} {ts} at ${b} each. How much [money|] did I [get|make|earn]?
    """),
    ),
    Relation(
        ("2 * a", "#1 * b"),
        {"a": (2, 20), "b": (2, 10)},
        lines("""
        {n} walks {a} minutes to school and the same time back. How many minutes does {he} walk in {b} days?
        It is {a} km to work. {n} drives there and back on {b} days. How many km is that?
        {a} pairs of socks cost ${b} for each single sock. What do all the socks cost?
        Two cooks bake {a} cakes a day each. How many cakes do they bake in {b} days?
        I feed my cat {a} spoons in the morning and just as many in the evening. How many spoons is that in {b} days?
        {b} {cs} have {a} {color} {ts} each and the same number of {color2} ones. How many {ts} are there [altogether|in all|in total|]?
        {n} made {a} {ts} an hour, but now {he} is twice as fast. How many {ts} does {he} make in {b} hours?
    """),
    ),
    Relation(
        ("2 * a", "#1 / b"),
        {"a": (3, 100), "b": (2, 12)},
        lines("""
        {n} has two {cs} of {a} {ts} and shares all of the {ts} equally among {b} [friends|children]. How many {ts} does each get?
        Two [classes|groups] of {a} pupils go in cars, {b} pupils in each car. How many cars are there?
        {n} and {o} have ${a} each. They put the money together. How many tickets for ${b} can they buy?
        I saved ${a} twice and bought toys for ${b} each with all of it. How many toys did I get?
        A cook doubles the {a} [eggs|cups of rice|rolls] and gives them to {b} tables, the same number to each. How many does a table get?
        We share two {cs} of {a} {ts} equally, {b} of us. How many each?
    """),
    ),
    # tens or fives and ones
    Relation(
        ("10 * a", "#1 + b"),
        {"a": (2, 15), "b": (2, 40)},
        lines("""
        {n} has {a} ten-dollar bills and ${b} in coins. How much money does {he} have?
        There are {a} {cs} of ten {ts} and {b} single {ts}. How many {ts} are there [altogether|in all|in total|]?
        What number is {a} tens and {b} ones?
        {n} scored ten points {a} times and then {b} points. What was {his} score?
        How many mm are {a} cm and {b} mm?
        I have {a} dimes worth ten cents each and {b} pennies. How many cents do I have?
        {n} did ten push-ups on each of {a} days and {b} today. How many did {he} do in all?
        I have {a} packs of ten {ts} and {b} more {ts}. How many?
    """),
    ),
    Relation(
        ("5 * a", "#1 + b"),
        {"a": (2, 30), "b": (2, 40)},
        lines("""
        {n} has {a} five-dollar bills and ${b} more. How much money does {he} have?
        I have {a} nickels worth five cents each and {b} cents. How many cents is that?
        {n} works five days a week and makes {a} {ts} a day. On the weekend {he} makes {b}. How many {ts} is that in a week?
        Five {cs} hold {a} {ts} each, and {b} {ts} do not fit. How many {ts} are there [altogether|in all|in total|]?
        {a} hands have five fingers each, and {b} more fingers are drawn on the wall. How many fingers is that?
        A game takes {a} minutes. We played it five times and then rested {b} minutes. How many minutes did we need?
        Five {ts} cost ${a} each and a {u} ${b}. How much is that?
    """),
    ),
    Relation(
        ("5 * a", "#1 - b"),
        {"a": (2, 38), "b": (2, 40)},
        lines("""
        {n} earned ${a} a day for five days and spent ${b}. How much is [left|left over|still there]?
        Five {cs} had {a} {ts} each. {n} took {b} {ts}. How many {ts} are still there?
        {a} people pay with a five-dollar bill, and the shop gives back ${b} in all. How much does the shop keep?
        I had {a} nickels worth five cents each and spent {b} cents. How many cents do I have?
        Five friends have {a} {ts} each. Together they lose {b}. How many {ts} do they have now?
    """),
    ),
)
