"""Additions in one step: more of a thing, parts of a whole, more than another, what was there before, three addends."""

from r1rl.commands.pretrain.wordings.relation import Relation, lines

RELATIONS = (
    # somebody has a, then b more: places for things
    Relation(
        ("a + b",),
        {"a": (2, 110), "b": (2, 80)},
        lines("""
        {n} [had|kept] {a} {ts} in the {p}, and today {he} [brought in|carried in] {b} more. How many {ts} are in the {p} now?
        {b} more {ts} [came|arrived|were found] after {n} had counted {a}. How many {ts} should {he} have counted in all?
        What is the total if {n} [collects|gathers|makes] {a} {ts} and then {b} more?
        {n} [wants|needs] {b} more {ts} to go with the {a} that {he} [has|owns]. How many will {he} have then?
        To {his} {a} {ts} {n} adds {b}. How many {ts} does {he} have [then|now]?
        [Yesterday|Last week|On {day}] {n} had {a} {ts}. Since then {he} has [found|bought|made] {b} [more|others]. How many does {he} have [now|today]?
        {n} made {a} {ts}, then {b} extra. Total?
        {a} {ts}, then {b} more {ts}. How many {ts} [altogether|in all|now]?
        {n}: {a} {ts}. {o} gives {n} {b} {ts}. How many {ts} has {n} [now|]?
        Had {a} {ts}, [got|found|bought] {b}. How many {ts} now?
        I already have {a} {ts}. If I [order|buy|make] {b}, how many will I have?
        {o} left {b} {ts} with {n}, who had {a} of {his} own. How many {ts} were with {n}?
        A shop has {a} {ts} [on its shelves|in stock] and a truck brings {b} more. How many {ts} does the shop have [now|then]?
        The owner of a shop ordered {b} {ts}, because the {a} that were there would not be enough. How many {ts} will there be when the order comes?
        {n} was sent {a} {ts} by mistake and then {b} more. How many {ts} was {he} sent?
        {n} had packed {a} {ts} when {o} came with {b} more to pack. How many {ts} [had to be packed in all|were there to pack altogether]?
        [Imagine|Say] you own {a} {ts} and find {b} under the bed. How many {ts} [are yours|do you own] [now|then]?
        The {p} contains {a} {ts}. How many {ts} will it contain when {b} more are put there?
        By {day} {n} had sold {a} {ts}. On {day2} {he} sold {b} more. How many {ts} had {he} sold by then?
        {n} painted {a} {ts} {color} and then painted {b} more. How many {ts} did {he} paint?
        Because {o} gave {him} {b} {ts}, {n} now has more than the {a} {he} had before. How many does {he} have now?
        How many {ts} have I got if I had {a} and [won|found|bought] {b}?
        {n}'s {a} {ts} were not enough, so {he} [borrowed|bought|asked for and got] {b} more. How many {ts} did {he} have then?
        {n} [has|owns] {a} {ts} and [buys|gets|finds|wins] {b} more. How many [{ts} |]does {he} have [now|in all|altogether|]?
        {n} had {a} {ts} and [bought|got|found|won] {b} more. How many [{ts} |]did {he} have [then|in all|altogether|]?
        {n} [had|started with|began with] {a} {ts}. Then {o} [gave|handed|passed|sent] {him} {b} [more|more {ts}|extra ones]. [How many does {n} have now|How many {ts} has {n} got|What is {his} new total]?
        How many {ts} will {n} [have|own] if {he} has {a} and [buys|gets|is given|receives] {b} more?
        If {n} has {a} {ts} and {o} gives {him} {b}, how many {ts} does {n} have [then|in total|now|]?
        Suppose {n} [has|owns] {a} {ts} and [then finds|later buys|is then given] {b} others. How many {ts} is that [in all|altogether|]?
        I [have|had|own] {a} {ts}. I [get|buy|find] {b} more. How many [{ts} |]do I have [now|]?
        I have {a} {ts}, and [my brother|my sister|my friend|{o}] gives me {b}. How many have I got [now|in total|]?
        You [have|own] {a} {ts} and [someone gives you|a friend hands you|you buy] {b} more. How many [{ts} |]do you have [now|]?
        [I got|I was given|I bought] {b} {ts} [today|yesterday|this week]. I already had {a}. How many is that [altogether|in total|]?
        After [buying|finding|getting|receiving] {b} {ts}, how many does {n} have if {he} had {a} [before|to begin with|at the start]?
        {n} [was given|received|got] {b} {ts} [on {day}|for {his} birthday|as a present] and already [had|owned] {a}. How many {ts} [does {he} have now|are {his} now]?
        There [are|were] {a} {ts} in the {c}. {n} [puts|drops|places] {b} more into it. How many {ts} [are in it now|does it hold now|are in the {c} now]?
        The {c} held {a} {ts} until {n} added {b}. How many [{ts} |]does it hold now?
        {n} [adds|added] {b} {ts} to a {c} that already [had|held] {a}. [How many {ts} are in the {c} now|What is the number of {ts} in it now]?
        A {c} [with|of] {a} {ts} gets {b} more. [Find|Work out|Calculate] the new number of {ts}.
        [At first|To begin with] {n} had only {a} {ts}, but [by the evening|a week later|on {day}] {he} had [collected|found|bought] another {b}. How many {ts} did {n} have then?
        {a} {ts} were [there|on hand|in the store] already when {b} more [came|were brought in|were delivered]. [How many {ts} are there now|What's the total now]?
        {n} now has {b} more {ts} than [last week|yesterday|last month], when {he} had {a}. How many {ts} does {he} have now?
        {n} counts {a} {ts}, [then|and then] {b} more. How many [{ts} |]has {he} counted [in all|altogether|so far|]?
        {a} {ts} [and|plus] {b} [more|more {ts}] [make|are] how many?
        We [had|have] {a} {ts} at [home|school|work] and [ordered|bought|got] {b} more. How many [{ts} |]do we have [now|in total|]?
        [My uncle|My aunt|My grandmother|My neighbor] owned {a} {ts} and [bought|was left|was sent] {b} others. Find how many {ts} that is.
        {n}'s collection of {a} {ts} grows by {b}. [How big is it then|How many {ts} are in it then|How large is the collection now]?
        [The number|The count] of {ts} was {a} and went up by {b}. What is it now?
        {o} sees that {n} has {a} {ts} and kindly adds {b} to them. How many {ts} does {n} have after that?
    """),
    ),
    # somebody has a, then b more: real situations
    Relation(
        ("a + b",),
        {"a": (2, 80), "b": (2, 40)},
        lines("""
        [I had|I've got|There were] {a} eggs and [the hens laid|our hens laid] {b} more. How many eggs [are there|are there now|is that]?
        The [hens|ducks|geese] laid {a} eggs last week and {b} this week. How many eggs did they lay [in all|altogether|]?
        [The shop|A bakery|The school canteen|{n}] baked {a} muffins in the morning and {b} in the afternoon. How many muffins [were baked that day|were baked in all]?
        {a} birds [sat|were sitting|rested] on a [fence|wire|roof|branch]. {b} more [flew in|came|joined them|landed there]. How many birds [were there then|were on it then|sat there in the end]?
        There are {a} fish in [a tank|the pond|an aquarium]. {n} [puts in|adds|lets in] {b} more. How many fish [swim in it now|are there now|are in it]?
        A bus [has|carries|leaves the station with] {a} passengers. At the [next|first] stop {b} [people get on|more get on|more climb in]. How many passengers are on the bus now?
        {b} [people|passengers|tourists] [got on|boarded] a train that already had {a} on board. How many [were on it then|people were on the train then]?
        A farmer has {a} [sheep|cows|goats|pigs] and buys {b} more at the market. How many [animals does the farmer own|animals are on the farm] now?
        In spring {b} lambs are born on a farm with {a} sheep. How many sheep and lambs are there [now|altogether]?
        [Our|The|A] shelter had {a} animals. [This week|Today|On {day}] {b} more [arrived|came in|were brought in]. How many animals [are in the shelter|does it have] now?
        {a} children were [playing|running about|having fun] in the [park|yard|playground] when {b} others [joined them|came to play|arrived]. How many children were there then?
        {n} [planted|put in] {a} [roses|tulips|bean plants|trees] on {day} and {b} on {day2}. How many [did {he} plant|plants is that] in all?
        There are {a} trees in the park. Workers [will plant|are going to plant] {b} more [today|tomorrow|this week]. How many trees will the park have when they are done?
        {n} [scored|got|made] {a} points in the first [game|round|half] and {b} in the second. [How many points is that|What was {his} total score|How many points did {he} score in all]?
        Our team had {a} points at half-time and scored {b} after it. What was our final score?
        {n} has saved ${a}. {he} [earns|gets|is paid] ${b} for [washing a car|mowing the lawn|walking a dog]. How much money does {n} have now?
        {n} had ${a} in {his} [wallet|piggy bank|purse] and [put in|added] ${b}. How much [is in it now|money is there now]?
        I have {a} dollars, and my [mom|dad|grandpa|aunt] gives me {b} dollars. How much money do I have?
        You saved {a} dollars in [March|May] and {b} dollars in [June|July]. What are your savings [in total|altogether]?
        {n} [read|finished] {a} pages yesterday and {b} pages today. How many pages has {he} read?
        I'm on page {a} of my book. If I read {b} more pages, what page will I be on?
        [Yesterday|On Sunday] I walked {a} minutes and today {b} minutes. How many minutes did I walk in the two days?
        {n} sent {a} text messages before school and {b} after school. How many messages did {he} send?
        My phone has {a} photos. I take {b} [more|new ones] [on a trip|at a party]. How many photos [are on it|does it have] now?
        {a} guests [are|were] already at the party when {b} more [ring the bell|arrive|come in]. How many guests are at the party [then|now]?
        [They invited|We invited|{n} invited] {a} [friends|people] to the wedding and later {b} more. How many were invited [in all|altogether]?
        {n} lit {a} candles, and {o} lit {b} more. How many candles [are burning|were lit|were burning then]?
        {n} climbs {a} [steps|stairs], rests, and climbs {b} more to reach the top. How many are there to the top?
        The teacher set out {a} chairs and then found that {b} more were needed. How many chairs were needed altogether?
        [The library|Our school|The town] owned {a} [bikes|computers|globes] and was given {b} new ones. How many does it own now?
        A [club|choir|chess club] with {a} members takes in {b} new [ones|members]. How many members does it have now?
        There were {a} students in the [hall|gym|lunch room]. Then {b} walked in. How many students [were there|are there now]?
        {n} caught {a} fish [in the morning|before noon] and {b} [in the evening|later in the day]. How many fish did {n} catch [that day|]?
        {n} won {a} [tickets|tokens] at the fair and {o} gave {him} {b}. How many [can {he} spend|does {he} have to spend]?
        {n} picked {a} [strawberries|cherries|plums|mushrooms], ate none, and picked {b} more. How many does {he} have?
        Had {a} sweets. Got {b} more. How many now?
        {a} [cats|frogs|bees] in the garden, then {b} more come. How many now?
        I have {a} [apples|pencils|toy cars] and [mum|dad|grandma] gives me {b}, how many [do I have|have I got|is that]?
        [If I have|Say I have] {a} cookies and bake {b} more, how many cookies [do I have|will I have]?
        How many [ducks|swans] are on the lake if there were {a} and {b} more [land|arrive|swim over]?
        {b} [new pupils|more children] came to a school [class|club] of {a}. How many are in it now?
        My [channel|page] had {a} followers [last week|yesterday], and {b} people have followed it since. How many followers is that?
        After {b} new [houses|shops] are built, how many will a village have if it has {a} today?
        Having won {a} [games|matches] last season, the team won {b} this season. How many wins is that over the two seasons?
        {n} knows {a} [words of French|songs|poems] and learns {b} [more|new ones]. How many does {he} know [now|then]?
        A [nurse|doctor] saw {a} patients before lunch. After lunch {b} came. How many patients came that day?
        The spider caught {a} flies at night, and {b} flies were caught by it during the day. How many flies were caught [altogether|in all]?
        The baby can say {a} words. Next month it will learn {b} more. How many words will it know then?
        On {day} {n} [washed|dried] {a} plates; on {day2} it was {b}. How many plates [is that|were there] in total?
        A [mail carrier|driver|messenger] has delivered {a} parcels and must still deliver {b}. How many parcels will that make?
        {n} did {a} [push-ups|jumps], and after a short rest {he} did {b}. How many was that in total?
        Ants carried {a} crumbs to the nest on the first trip and {b} on the second. How many crumbs did they carry there?
        {n} had {a} [plants|pots] on the [balcony|porch] and, because there was still room, {he} brought home {b} more from the market. How many are there now?
        I ate {a} grapes and then {b} more. How many grapes did I eat?
        {n} [drew|painted] {a} pictures last month and {b} this month. How many pictures is that in all?
        A puppy learned {a} tricks in its first year and {b} in its second. How many tricks [does it know|did it learn]?
        [The cook|A cook|The chef] peeled {a} potatoes, then another {b}. How many potatoes were peeled?
        The [tailor|dressmaker] sewed on {a} buttons yesterday and will sew on {b} today. How many buttons is that?
        By noon {a} cars had [parked|stopped] [in the lot|at the beach], and {b} more [came|parked there] by evening. If none left, how many cars were there in the evening?
        [The museum|A zoo|The fair] sold {a} tickets [online|by phone] and {b} at the [door|gate]. Find the number of tickets sold.
        {n} [answered|solved] {a} questions before the break and {b} after it. How many questions did {he} [answer|solve] [in total|altogether]?
        A snail crawled {a} [cm|inches], took a nap and crawled {b} [more|farther]. How far did it crawl [in all|]?
        [In a video game|While playing a game], {n} had {a} [gems|gold coins|lives] and then [won|earned|picked up] {b} more. How many did {he} have after that?
    """),
    ),
    # two people or groups together
    Relation(
        ("a + b",),
        {"a": (2, 100), "b": (2, 90)},
        lines("""
        {n}: {a} {ts}. {o}: {b} {ts}. How many together?
        {n} has {a} {ts}, {o} {b}. Total?
        {a} {ts} here and {b} {ts} there. How many {ts} [altogether|in all]?
        [Together|Altogether], how many {ts} do {n} and {o} have when {n} has {a} and {o} has {b}?
        The {ts} in two {cs} are counted. There are {a} in one and {b} in the other. What is the [total|sum]?
        {n} needs {a} {ts} and {o} needs {b}. How many {ts} must they [buy|get|bring] [in all|altogether]?
        {n} and {o} [sold|collected|packed] {ts} all day. {n} did {a}, {o} did {b}. How many {ts} was that?
        {a} {ts} belong to me and {b} to {o}. How many {ts} do we have?
        Both {n} and {o} collect {ts}. {n}'s collection has {a} and {o}'s has {b}. Find how many {ts} there are in the two collections.
        When {n} with {a} {ts} and {o} with {b} {ts} share what they have, how many {ts} are there to share?
        On the table is a {c} of {a} {ts}; under it is a {c} of {b}. How many {ts} are [there|in the two {cs}]?
        The {ts} of {n} number {a}, and those of {o} {b}. How many is that together?
        {n} carried {a} {ts} upstairs and {o} carried up {b}. How many {ts} were carried up by the two?
        If one {c} has {a} {ts} and the next has {b}, how many {ts} are in the two {cs}?
        [Mom|Dad|The teacher] gave {n} {a} {ts} and gave {o} {b}. How many {ts} were given out?
        {n} had {a} {ts} until {o} put {b} with them. How many {ts} were there then?
        {n} has {a} {ts} and {o} has {b}. How many [{ts} |]do they have [together|in all|altogether|between them]?
        {n} [found|bought|counted] {a} {ts}, [and {o}|while {o}] got {b}. How many {ts} [is that in all|is that together|is that for the two]?
        How many {ts} do {n} and {o} have together if {n} has {a} and {o} has {b}?
        If {n} [brings|gives|sends] {a} {ts} and {o} does the same with {b}, [how many {ts} is that|how many {ts} are there|what is the total]?
        {a} of the {ts} [belong to|come from|are from] {n}, and the other {b} are {o}'s. How many {ts} are there [in all|]?
        {n} and {o} put their {ts} together. {n} had {a}, and {o} had {b}. How many {ts} [are in the pile|are there now|did they have]?
        I have {a} {ts} and my [brother|sister|cousin|friend] has {b}. How many do we have [together|altogether|in all]?
        You have {a} {ts}. Your [friend|brother|sister] has {b}. [How many {ts} do you two have|How many do the two of you have|How many have you together]?
        [My dad|My mom|My teacher] [has|owns] {a} {ts}, and I [have|own] {b}. [What's our total|How many {ts} do we have]?
        There are {a} {ts} in one {c} and {b} in [another|the other]. How many {ts} are there [altogether|in the two {cs}|in both]?
        One {c} holds {a} {ts}, the other [holds|has] {b}. [Find|Work out|Tell me] how many {ts} are in the two {cs} together.
        Two {cs} of {ts}: {a} in the first, {b} in the second. How many [{ts}|{ts} in all]?
        The first {c} has {a} {ts}. The second {c} has {b} {ts}. [If both are emptied onto a table|When they are put together], how many {ts} are there?
        {n} [has|keeps] {a} {ts} at home and {b} at [school|work|{his} aunt's house]. How many {ts} does {n} have?
        {n} [pours|tips|moves] the {a} {ts} from one {c} into another {c} that has {b}. How many {ts} are in the second {c} [then|now|after that]?
        {n} gives all {his} {a} {ts} to {o}, who already has {b}. How many {ts} does {o} have [now|then|after that]?
        [Class A|Our class|One class] has {a} pupils and [class B|the class next door|the other class] has {b}. How many pupils are in the two classes?
        {a} [pupils|children] from one school and {b} from another [go|went] on a trip together. How many children is that?
        [My brother|My cousin|Grandpa] caught {a} fish, I caught {b}. How many fish did we catch?
        {n} picked {a} [apples|pears|lemons]. {o} picked {b}. How many did they pick [together|in all|altogether]?
        {n} [folded|made] {a} paper [planes|stars|boats] and {o} {b}. They hung all of them up. How many were hung up?
        [Mom|Dad|Grandma] baked {a} cookies and I baked {b}. How many cookies did we bake?
        {n} scored {a} goals this season, {o} scored {b}. How many goals did the two [players|friends] score?
        On one side of the [hall|street|river] there are {a} [people|tents|lamps], and on the other side {b}. How many is that in all?
        The upper shelf has {a} books, the lower [shelf|one] {b}. How many books are on the two shelves?
        Suppose one farmer has {a} [hens|cows|horses] and the farmer next door has {b}. How many do they have between them?
        Two friends share a [room|desk] and keep all their [pens|comics|cards] there. One has {a} and the other {b}. How many is that?
        The [red|blue] team won {a} medals and the [green|yellow] team won {b}. [How many medals did the two teams win|What number of medals did the two teams win together]?
        One [plane|boat|coach] carries {a} people and a second one {b}. How many people [do they carry|travel] in all?
        [Ben's|Our|The] two dogs ate {a} and {b} [treats|biscuits]. How many did they eat together?
    """),
    ),
    # parts of a whole
    Relation(
        ("a + b",),
        {"a": (2, 90), "b": (2, 80)},
        lines("""
        {a} {color} {ts} and {b} {color2} {ts}: how many {ts}?
        {a} [big|large|new] {ts} and {b} [small|little|old] {ts} are in the {c}. How many {ts} does it hold?
        There are {ts} in two sizes: {a} big ones and {b} small ones. How many {ts} are there?
        {n} sorts {his} {ts}. {a} go on the left, {b} on the right, and none are over. How many {ts} does {n} have?
        {n} keeps {a} of {his} {ts} and gives the other {b} to {o}. How many {ts} were there [at first|before that]?
        {n} divided {his} {ts} into two parts. One part has {a}, the other has {b}. How many {ts} did {he} divide?
        {n} sold {a} {ts} in the morning and {b} in the [afternoon|evening]. How many did {he} sell [that day|in all]?
        Half-finished {ts}: {a}. Finished {ts}: {b}. How many {ts} is {n} making in all?
        Count the {ts} and {us} together if there are {a} {ts} and {b} {us}. How many things is that?
        {n} has as many things as {a} {ts} and {b} {us} make. How many things is that?
        A list names {a} {ts} and {b} {us}. How many things are on the list?
        There were no {ts} in the {c} except {a} {color} ones and {b} {color2} ones. How many {ts} were in it?
        I see {a} {color} {ts} and {b} {color2} {ts}. How many {ts} do I see?
        {n} has sorted {a} {ts}, and {b} {ts} [are still unsorted|still have to be sorted]. How many {ts} does {he} have?
        {n} [checked|cleaned|wrapped] {a} {ts} and {o} the remaining {b}. How many {ts} were there?
        {n} filled a {c} with {a} {ts} and had {b} {ts} over. How many {ts} were there in all?
        {b} {ts} did not fit into the {c}. {a} {ts} did. How many {ts} did {n} have?
        {n} has {a} {color} {ts} and {b} {color2} {ts}. How many {ts} does {n} have [in all|altogether|]?
        A {c} has {a} {color} {ts} and {b} {color2} ones [in it|]. [How many {ts} are in the {c}|How many {ts} are there|What is the total number of {ts}]?
        Of {n}'s {ts}, {a} are {color} and the [rest, {b},|other {b}] are {color2}. How many {ts} does {he} have?
        Some {ts} are {color} and the others are {color2}. If {a} are {color} and {b} are {color2}, how many {ts} are there?
        {n} [bought|saw|has|got] {a} {ts} and {b} {us}. How many things is that [in all|altogether|]?
        How many things are in a {c} with {a} {ts} and {b} {us}?
        In the {c} there are only {ts} and {us}: {a} {ts}, {b} {us}. How many [things|items] is that?
        I [bought|got|ordered] {a} {ts} and {b} {us}. How many items [did I buy|did I get|is that]?
        There are {a} boys and {b} girls in the [choir|club|room]. How many people is that [altogether|in all|]?
        [In a class|In our class|In the school band] {a} are girls and {b} are boys. How many [children|students] are there?
        {a} of the children walk to school and the other {b} [take|ride] the bus. How many children are there?
        {a} adults and {b} children [went|came] to the [zoo|show|beach]. [How many people is that|How many people is that in all|What is the total]?
        A [farm|barn|farmer] has {a} cows and {b} [pigs|horses|sheep]. How many animals [is that|is that in all|are there altogether]?
        In a [garden|vase|flower bed] are {a} roses and {b} [tulips|daisies|lilies]. [How many flowers are there|What is the total number of flowers]?
        A [basket|bowl|crate] holds {a} apples and {b} [oranges|pears|bananas]. How many pieces of fruit are in it?
        [A pet shop|The shop|The vet] has {a} puppies and {b} kittens. How many [young animals|pets] are there?
        A shop [sold|sells] {a} [loaves|cakes|newspapers] on {day} and {b} on {day2}. How many did it sell on the two days?
        {n} used {a} {ts} on {day} and {b} [on {day2}|the day after]. How many {ts} did {he} use [in the two days|altogether]?
        {n}'s count of {ts}: {a} in the morning, {b} in the evening. How many {ts} for the whole day?
        {n} gave {a} {ts} to {o} and {b} to {q}. How many {ts} did {n} give away [in all|altogether|]?
        {n} lost {a} {ts} on {day} and {b} on {day2}. How many {ts} [did {he} lose|were lost] [in all|]?
        {a} {ts} were broken and {b} were fine. How many {ts} were there [altogether|in all|]?
        {n} ate {a} [nuts|berries|chips] and [left|saved] {b}. How many were [in the bowl at first|there at the start]?
        A test has {a} easy questions and {b} hard ones. How many questions are on the test?
        {n} got {a} answers right and {b} wrong. How many questions did {he} answer?
        The team won {a} games and lost {b}. [There were no ties.|No game was a draw.] How many games [did it play|were played]?
        In a [theater|cinema|hall], {a} seats are taken and {b} are empty. How many seats [does it have|are there]?
        Our street has {a} houses on the left and {b} on the right. How many houses does it have?
        It [rained|snowed] on {a} days and stayed dry on {b}. How many days is that [in all|]?
        The [box|order|list] is for {a} knives and {b} forks. How many pieces is that?
        A parking lot has {a} cars and {b} [trucks|motorbikes|vans]. How many vehicles are parked there?
        [Count them all|Tell me the total]: {a} white [eggs|shirts|horses] and {b} brown ones.
        {a} red and {b} blue marbles are [in a bag|on the table]. How many marbles [in all|are there]?
        {n} has visited {a} [towns|museums] and still wants to visit {b} others on {his} list. How many are on the list [if the visited ones are counted too|with the visited ones]?
        {a} cats and {b} dogs. How many animals?
        {a} [forks|cups] and {b} spoons, how many [things|things is that]?
        If a [recipe|soup] needs {a} carrots and {b} onions, how many vegetables [are in it|is that]?
        How many legs do {n}'s pets have if the dogs have {a} and the birds have {b}?
        A word list has {a} easy words and {b} hard words. How long is the list in words?
        How many [people|guests] sat down if {a} were at the long table and {b} at the round one?
        There are {a} windows upstairs and {b} downstairs. How many windows [must be cleaned|does the house have|are there]?
        {n} keeps {a} {ts} in the {p} and {b} in the car. How many {ts} [does {n} keep|are there|is that]?
        The {p} has {a} {ts} and {b} {us}, nothing else. What is the number of things in the {p}?
        [A class|A stall|The club] sold {a} small flags and {b} large flags. Calculate how many flags were sold.
        [Lions and tigers live|Only lions and tigers live] in this part of the zoo: {a} lions, {b} tigers. How many big cats live there?
        In a bag of balloons, {a} have burst while {b} are still good. How many balloons were in the bag?
        To make a necklace {n} uses {a} glass beads and {b} wooden beads. How many beads does the necklace have?
        {n} put {a} {ts} into one {c} and the remaining {b} into another. How many {ts} did {n} put away?
        Ticket sales were {a} before noon and {b} after. What was the day's total?
        [My|{n}'s] [bookcase|shelf] has {a} [novels|storybooks] and {b} [cookbooks|comics] and nothing else. How many books does it hold?
        {b} of the [players|campers|visitors] are new, and {a} have been here before. How many are there [in all|altogether]?
    """),
    ),
    # prices of two items, money
    Relation(
        ("a + b",),
        {"a": (2, 110), "b": (2, 80)},
        lines("""
        A [shirt|lamp|bag] costs ${a} and a [hat|clock|belt] costs ${b}. [How much do they cost together|How much for both|What is the total price]?
        {n} [buys|bought] a {t} for ${a} and a {u} for ${b}. How much [does {he} pay|is that|money is that] [in all|altogether|]?
        {n} [spent|used] ${a} on [food|books|clothes] and ${b} on [a taxi|gifts|toys]. How much did {n} [spend|use up] [in total|altogether|]?
        What does {n} pay for a {t} at {a} dollars and a {u} at {b} dollars?
        How much money do you need to buy a {t} for ${a} and a {u} for ${b}?
        I [spent|paid] {a} dollars at the [bakery|market] and {b} dollars at the [bookshop|pharmacy]. How much did I spend?
        If a [sandwich|salad|coffee] is {a} cents and a [cookie|juice|banana] is {b} cents, what do the two cost?
        The price of [a|this|the] {t} [was|used to be] ${a}. It [rose|went up|was raised] by ${b}. [What is the price now|How much is it now|What does it cost now]?
        A ticket costs {a} dollars. Next [year|month|week] it will cost {b} dollars more. How much will it cost then?
        After buying a {t} for ${b}, {n} has ${a} left. How much money did {he} have [before|at first|to begin with]?
        {n} bought a {t} for ${a} and sold it for ${b} more than that. At what price did {n} sell it?
        {n} wants to make a profit of ${b} on a [bike|table|chair] that cost {him} ${a}. For how much must {he} sell it?
        [Dinner|Lunch|The meal] came to ${a}, and {n} left a tip of ${b}. How much did {he} pay [altogether|in all]?
        A [plumber|mechanic|painter] charges ${a} for parts and ${b} for labor. What is the bill?
        Shipping is ${b} for a [book|coat|game] that costs ${a}. What is the total with shipping?
        {n} has ${a} and needs ${b} more to buy a [bike|guitar|tent]. [How much does it cost|What is its price|What does it cost]?
        {n} is short of a [scooter|camera|radio] by ${b}: {he} has only ${a}. What does it cost?
        {n} earned ${a} on {day} and ${b} on {day2}. How much did {he} earn [in the two days|in total]?
        You owe {o} ${a} and then borrow another ${b}. How much do you owe now?
        My [salary|pay|rent] was {a} dollars a day and goes up by {b} dollars. What is it now?
        [Work out|Find|Calculate] the cost of a ${a} [coat|jacket] and a ${b} [scarf|cap].
        One [toy|pen|card] is ${a}, another is ${b}. I take both. How much?
        {n} pays ${a} now and ${b} next month for a [phone|sofa|bed]. What is the full price?
        {n} and {o} buy a gift together. {n} pays ${a}, {o} ${b}. How much does the gift cost?
        A {t} costs {a} dollars, and a {u} costs {b} dollars more [than that|than the {t}]. How much is the {u}?
    """),
    ),
    # distance, time, weight, volume, pages
    Relation(
        ("a + b",),
        {"a": (2, 90), "b": (2, 60)},
        lines("""
        {n} [drove|rode|traveled] {a} [miles|km] [before lunch|to the lake|to a gas station] and then {b} [more|farther]. How far [did {he} go|is that] [in all|altogether|]?
        It is {a} km from {n}'s house to the [town|lake|station] and {b} km from there to the [sea|airport|farm]. How long is the whole way?
        How far is it from A to C by way of B if A to B is {a} [miles|km] and B to C is {b}?
        A [train|truck|bus] went {a} km in the first hour and {b} km in the second. [How far did it go|What distance did it cover] in the two hours?
        I ran {a} [laps|miles|km] last week and {b} this week. [What is that in total|What's the total]?
        {n} [practiced|played] the piano for {a} minutes in the morning and {b} minutes at night. For how many minutes is that in all?
        {n} needs {a} minutes for [math|reading] homework and {b} for [science|history]. How long does the homework take {him} in all?
        A [film|show|talk] lasts {a} minutes, and a second one lasts {b}. How many minutes do both last?
        It takes {a} minutes to [mix|prepare] a cake and {b} minutes to bake it. How long does it take from start to finish?
        {n} waited {a} minutes for the bus and rode it for {b} minutes. How long did that take [in all|altogether]?
        The trip [usually|normally] takes {a} minutes, but today it takes {b} minutes longer [because of snow|due to traffic|]. How long does it take today?
        A [race|game|lesson] was to end after {a} minutes but ran {b} minutes over. How many minutes did it last?
        A bag of [rice|flour|sugar] weighs {a} kg and a bag of [beans|salt|oats] weighs {b} kg. What do the two weigh [together|in total]?
        A box weighs {b} pounds empty. {n} puts {a} pounds of [sand|corn|apples] in it. How heavy is the full box?
        {n}'s [puppy|calf|pig] weighed {a} pounds and has gained {b} pounds. What does it weigh now?
        {n} weighed {a} kg [last year|in spring] and [gained|put on] {b} kg. How much does {he} weigh now?
        A tank has {a} [liters|gallons] of water in it. {n} [pours in|adds] {b} more. How much water is in the tank?
        Mix {a} ml of milk with {b} ml of water. How many ml do you have?
        [A cook|{n}] uses {a} grams of butter and {b} grams of sugar. How many grams is that?
        A plant was {a} cm tall and grew {b} cm. [How tall is it now|What is its height now]?
        {n} was {a} [inches|cm] tall two years ago and has grown {b} since. How tall is {he} now?
        Two [ropes|boards|ribbons] of {a} and {b} feet are laid end to end. [How long is that|What is the full length]?
        {n} cut a rope into two pieces, one {a} meters and one {b} meters long. How long was the rope [before|at first]?
        My book has two parts. The first is {a} pages, the second is {b}. How long is my book?
        {n} has read {a} pages of a book and has {b} [left|still to read|to go]. How many pages does the book have?
        {n} walked {a} steps forward and then {b} more in the same direction. How many steps is {he} from the start?
        A [tower|pole|mast] {b} meters tall stands on a hill {a} meters high. How high is the top of it above the foot of the hill?
        A hiker has done {a} miles and has {b} to go. How long is the trail?
        [A kite|A drone|The balloon] was {a} meters up, then rose {b} meters. How high is it now?
    """),
    ),
    # more than another, comparison
    Relation(
        ("a + b",),
        {"a": (2, 90), "b": (2, 60)},
        lines("""
        {o} [made|found|counted] {b} more {ts} than {n}. {n} got {a}. What was the number for {o}?
        If one {c} has {a} {ts} and another has {b} more than that, how many are in the [second|other] {c}?
        {n} has {a} {ts}, {b} fewer than {o}. How many {ts} [does {o} have|has {o}]?
        {n} has {a} {ts}. That is {b} less than {o} has. How many does {o} have?
        The number of {us} is {b} more than the number of {ts}, and there are {a} {ts}. How many {us} are there?
        {n} needs {b} {ts} more to have as many as {o}. {n} has {a}. How many {ts} does {o} have?
        If {n} got {b} more {ts}, {he} would have the same number as {o}. {n} has {a} {ts} now. How many does {o} have?
        {a} {ts} are in the {c}. It could hold {b} more. How many {ts} can it hold when full?
        {n} wants to give each guest a {t}. {he} has {a} {ts}, which is {b} too few. How many guests are there?
        I have {b} more {us} than {ts}. I have {a} {ts}. How many {us} do I have?
        {n} has {a} {ts}. {o} has {b} more [than {n}|than that|{ts} than {n}]. How many {ts} does {o} have?
        {o} has {b} more {ts} than {n}, who has {a}. [How many {ts} has {o}|How many does {o} have|What is {o}'s number of {ts}]?
        {n} has {b} fewer {ts} than {o}. If {n} has {a}, how many [{ts} |]does {o} have?
        If {n} [sells|finds] {a} {ts} and {o} gets {b} more than {n}, how many does {o} get?
        {n} sold {a} {ts}, and {o} sold {b} more than {n}. How many {ts} did {o} sell?
        I have {a} {ts}. My [brother|uncle|dad] has {b} more than I do. How many [{ts} |]does he have?
        My [sister|aunt|mom] has {b} more {ts} than I do, and I have {a}. How many [{ts} |]does she have?
        How many {ts} does {o} have if {n} has {a}, which is {b} less than {o}?
        There are {b} more {us} than {ts} in the {c}. There are {a} {ts}. How many {us} are there?
        The {color} {c} has {a} {ts}, and the {color2} one has {b} more. How many {ts} are in the {color2} {c}?
        You have {a} {ts} and I have {b} more than you. How many do I have?
        [The oak|The pine] is {a} feet tall. The [elm|birch] beside it is {b} feet taller. How many feet tall is the second tree?
        {n} weighs {a} kg, and {o} is {b} kg heavier. [How heavy is {o}|How much does {o} weigh|What is {o}'s weight]?
        {n}'s [rope|pencil|ribbon|scarf] is {a} cm long. {o}'s is {b} cm longer. How long is {o}'s?
        {n} read {a} pages. {o} read {b} pages more than {n} did. How many pages did {o} read?
        A [cat|dog|goat] [ran|slept] for {a} minutes, and a [fox|hen|cow] for {b} minutes longer. How long was it for the second animal?
        This year's [party|fair] had {b} more guests than last year's, which had {a}. How many guests came this year?
        {n} scored {a}. {o} beat {him} by {b} points. What was {o}'s score?
        The winner got {b} more votes than the loser, who got {a}. How many votes did the winner get?
        [Team A|The home team] scored {a} points and lost by {b}. How many points did the other team score?
        {n} spent ${a}; {o} spent ${b} more. How much did {o} spend?
        {n} earns ${b} [an hour|a day] less than {o}. {n} earns ${a}. What does {o} earn?
        What number is {b} more than {a}?
        [Find|Tell me|Write down] the number that is {b} [greater|larger|bigger] than {a}.
        {a} children are in the [art|chess] club. The [music|swim|dance] club has {b} more children than that. How many are in the bigger club?
        {n} wants {b} more {ts} than {o} has. {o} has {a}. How many {ts} does {n} want?
        The [bus|slow train] needs {b} minutes longer than the car. The car needs {a} minutes. How many minutes does the slower one need?
        Today {n} sold {b} more [cups of tea|pies|cakes] than yesterday. Yesterday it was {a}. How many were sold today?
    """),
    ),
    # ages
    Relation(
        ("a + b",),
        {"a": (3, 60), "b": (2, 30)},
        lines("""
        {n} is {a} years old. How old will {he} be in {b} years?
        In {b} years, how old will {n} be if {he} is {a} [now|today]?
        {n} is {a}. {o} is {b} years older. [How old is {o}|What is {o}'s age|What's the age of {o}]?
        {o} is {b} years older than {n}, who is {a}. How old is {o}?
        {n} is {b} years younger than {o}. {n} is {a} years old. How old is {o}?
        {b} years ago {n} was {a} [years old|]. How old is {n} now?
        I am {a}. How old will I be {b} years from now?
        My [brother|sister|cousin] is {a} and I am {b} years older. How old am I?
        {n} [moved to the city|learned to swim|began to paint] at the age of {a}. That was {b} years ago. How old is {n} [now|today]?
        [A tree|A house|A bridge] is {a} years old [now|today]. What will its age be after {b} more years?
        If you are {a} today, what age will you be {b} years later?
        {n} was {a} when [{his} sister was born|{his} brother was born|{he} got {his} dog]. {b} years have passed since then. How old is {n} now?
        {n} had a {t} for {b} years. {he} got it at age {a}. How old was {n} at the end of those years?
        {n} is {a} and {o} is {b}. What is the sum of their ages?
        Add up the ages of {n}, {a}, and {o}, {b}.
    """),
    ),
    # what was there before
    Relation(
        ("a + b",),
        {"a": (2, 90), "b": (2, 60)},
        lines("""
        {n} has {a} {ts} left. {he} [used|sold|lost] {b}. How many {ts} did {he} have before?
        {a} {ts} are left and {b} are gone. How many {ts} were there [at first|at the start]?
        {o} took {b} of {n}'s {ts}, so {n} has only {a} now. How many were there before {o} took any?
        Someone [removed|took] {b} {ts} from the {p}, where {a} can still be seen. How many {ts} were in the {p} at first?
        Before {n} threw away {b} {ts}, how many did {he} have, if {a} are left?
        You gave {b} {ts} to a friend and kept {a}. How many {ts} did you have at first?
        A shop sold {b} {ts} and [has|had] {a} left. How many {ts} were there before the sale?
        When {n} had given {o} {b} {ts}, {n} found {a} left in the {c}. With how many {ts} did {n} start?
        After giving away {b} {ts}, {n} has {a} left. How many {ts} did {he} have [at first|before|to begin with|at the start]?
        {n} [gave|handed|sold] {b} {ts} to {o} and [still has|now has|was left with] {a}. How many [{ts} |]did {n} have [before|at first|in the beginning]?
        {n} had some {ts}. {he} [lost|gave away|sold] {b} and had {a} left. How many {ts} did {n} [have to begin with|start with|have at the start]?
        I [lost|gave away|sold] {b} of my {ts} and have {a} left. How many did I have [at first|before|to begin with]?
        How many {ts} were in the {c} at first if {n} took out {b} and {a} [are still in it|are left|remain]?
        {n} took {b} {ts} [out of|from] a {c}. Now {a} {ts} are [left in it|still in it]. How many were in the {c} before?
        There were some {ts} in the {c}. {b} were taken, and {a} remain. [Find|Work out] the number of {ts} at the start.
        {a} {ts} are left after {n} uses {b}. How many {ts} were there before?
        {n} ate {b} [cookies|grapes|nuts], and now {a} are on the plate. How many were on it before?
        {b} birds flew away and {a} stayed in the tree. How many birds were in the tree [at first|before]?
        {b} people got off the bus and {a} stayed on. How many had been on the bus [before|before that stop]?
        Some children were in the pool. When {b} went home, {a} were still swimming. How many children had been in the pool?
        A [baker|shop] sold {b} loaves and has {a} left. How many loaves were there [at first|in the morning|before]?
        {n} spent ${b} and has ${a} left. How much did {he} have [at first|to start with|before]?
        I paid {b} dollars and got home with {a} dollars. How much money did I leave home with?
        {n} blew out {b} candles, and {a} kept burning. How many candles had been burning?
        {b} of the eggs broke. {a} did not. How many eggs were there?
        After {b} pupils left, {a} were still in the room. How many pupils had been in the room?
        {n} poured out {b} liters, and {a} liters [stayed|remained] in the [barrel|tank]. How much was in it before?
        If {n} gives {o} {b} {ts}, {n} will have {a} left. How many {ts} does {n} have now?
        {n} cut {b} cm off a [string|board], and {a} cm were left. How long was it at first?
        {b} less than {n}'s number of {ts} is {a}. How many {ts} has {n}?
        The price was cut by ${b} to ${a}. What was the [old price|price before]?
        A {t} is on sale for ${a}, which is ${b} off. What is the [usual|regular|normal] price?
        The temperature fell {b} degrees to {a} degrees. What was it before?
        {n} lost {b} pounds and now weighs {a}. What did {he} weigh before?
        {n} has done {b} [sums|tasks] and {a} are still to be done. How many are there in all?
        [A farmer|{o}] sold {b} sheep last week. There are {a} on the farm now. How many were there before the sale?
    """),
    ),
    # an unknown minuend
    Relation(
        ("a + b",),
        {"a": (1, 100), "b": (1, 90)},
        lines("""
        What number minus {b} is {a}?
        [I think of a number|{n} thinks of a number], [take away|subtract] {b} and get {a}. What is the number?
        If you [subtract|take] {b} from a number, you get {a}. [What is the number|What's the number|Which number is it]?
        When {b} is [taken away from|subtracted from] a number, {a} is left. What is the number?
        A number [less|minus] {b} equals {a}. [Find it|Find the number|Work out the number].
        Which number is {a} after you take {b} away from it?
        From what number must I take {b} to get {a}?
        The difference of two numbers is {b}. The smaller one is {a}. What is the [larger|bigger|greater] one?
        {a} is {b} less than which number?
        Find x if x - {b} = {a}.
        Solve for x: x - {b} = {a}. What is x?
    """),
    ),
    # a temperature that rises
    Relation(
        ("a + b",),
        {"a": (2, 75), "b": (2, 30)},
        lines("""
        It was {a} degrees in the morning. By noon it was {b} degrees warmer. [What was the temperature at noon|How warm was it at noon]?
        The temperature [was|stood at] {a} degrees and [rose|went up|climbed|increased] by {b} degrees. What is it now?
        [The oven|The water|The soup] is at {a} degrees. It heats up by {b} degrees. How hot is it then?
        If it is {a} degrees now and gets {b} degrees hotter, what will the temperature be?
        {day} is {b} degrees warmer than {day2}, when it is {a} degrees. How warm is it on {day}?
        Tomorrow will be {b} degrees warmer than today. Today it is {a}. What will the temperature be tomorrow?
    """),
    ),
    # finishing time in minutes, places and floors
    Relation(
        ("a + b",),
        {"a": (2, 30), "b": (2, 28)},
        lines("""
        A [lesson|show|bus ride] [starts|begins] {a} minutes after [nine|two|four] and lasts {b} minutes. How many minutes after that hour does it end?
        {n} starts [cooking|running|painting] at minute {a} and needs {b} minutes. At which minute [does {he} finish|is {he} done]?
        A stopwatch shows {a} minutes. How many minutes does it show {b} minutes later?
        A [game|test|meeting] began {a} minutes past three and took {b} minutes. At how many minutes past three did it end?
        {n} [left|set off] at {a} minutes past noon and walked for {b} minutes. How many minutes past noon did {he} arrive?
        {n} is on floor {a} and takes the elevator up {b} floors. Which floor does {he} get to?
        {n} is on step {a} and goes up {b} steps. On which step is {he} then?
        In a board game my piece is on square {a}, and I move {b} squares ahead. Where do I land?
        {a} people are in front of {n} in a line, and the clerk adds {b} people to the front of it. How many are in front of {n} now?
        Start at {a} on a number line and jump {b} to the right. Where are you?
        [The bus|The train] was due {a} minutes after six but came {b} minutes late. How many minutes after six did it come?
        Count on {b} from {a}. What number do you get to?
    """),
    ),
    # plain sums
    Relation(
        ("a + b",),
        {"a": (1, 120), "b": (1, 80)},
        lines("""
        [What is|What's|How much is] {a} plus {b}?
        [Calculate|Work out|Find] {a} plus {b}.
        Add {a} and {b}.
        Add {b} to {a}. What [do you get|is the result|is the answer]?
        [Find|Give me|Tell me|Calculate] the sum of {a} and {b}.
        [What is|What's|Do you know] the sum of {a} and {b}?
        {a} + {b} = ?
        [Calculate|Compute|Solve] {a} + {b}.
        [What is|What's|How much is] {a} + {b}?
        How much do {a} and {b} make [together|in total|]?
        {a} and {b} [is|makes|make] what number?
        [Increase|Raise] {a} by {b}.
        If you add {a} to {b}, what is the [sum|result|answer|total]?
        A number is {b} more than {a}. What is [it|the number]?
        [Take|Start with] {a} and add {b}. What [is the result|do you get|comes out]?
        Two numbers are {a} and {b}. What is their [sum|total]?
        {n} adds {a} and {b}. What [does {he} get|should the answer be]?
        [I think of a number|I choose a number]: if I take {a} and {b} together I get it. What is it?
        Can you add {a} and {b} [for me|], please?
        What do you get when {b} is added to {a}?
    """),
    ),
    # three addends of one kind
    Relation(
        ("a + b", "#1 + d"),
        {"a": (2, 80), "b": (2, 60), "d": (2, 50)},
        lines("""
        {n} has {a} {ts}, {o} has {b} and {q} has {d}. How many {ts} do they have [together|in all|altogether]?
        {n} has {a} {color} {ts}, {b} {color2} {ts} and {d} [white|black|gray] ones. How many {ts} [is that|does {he} have|are there] [in all|altogether|]?
        {n} had {a} {ts}. {he} [found|bought|got] {b} more on {day} and {d} more on {day2}. How many {ts} [did {he} have then|is that in all]?
        There are three {cs}. They hold {a}, {b} and {d} {ts}. [How many {ts} are there in all|What is the total number of {ts}|What is the total]?
        {n} bought {a} {ts}, {b} {us} and {d} {vs}. How many things did {he} buy [in all|altogether|]?
        {n} starts with {a} {ts}, gets {b} from {o} and {d} from {q}. How many {ts} does {n} have [now|in the end]?
        How many {ts} are in a {c} if {n} puts in {a}, {o} {b}, and {q} {d}?
        If I have {a} {ts} at home, {b} at school and {d} in the car, how many {ts} do I have?
        What is {a} plus {b} plus {d}?
        I ate {a} nuts, then {b}, then {d}. How many nuts did I eat?
        {a} cats, {b} dogs and {d} birds: how many animals?
        {n} had {a} {ts}. Two friends gave {him} {b} and {d}. How many [{ts} |]did {n} have then?
        First there were {a} {ts} in the {c}, then {b} were added, and finally {d} more. How many [{ts} were in it at the end|were there in the end]?
        {n} is {a} years old, {o} is {b} and {q} is {d}. What do their ages add up to?
        A school sold {a} tickets to pupils, {b} to parents and {d} to teachers. Work out how many tickets were sold.
        {n} practices for {a} minutes before breakfast, {b} after school and {d} in the evening. How many minutes does {he} practice altogether?
        A shelf has {a} storybooks, {b} atlases and {d} cookbooks. What is the total number of books?
        If the jars hold {a}, {b} and {d} [buttons|beans|beads], how many is that in all?
        Add {a}, {b} and {d}.
        [What is|What's] the sum of {a}, {b} and {d}?
        {a} + {b} + {d} = ?
        {n} [read|wrote] {a} pages on {day}, {b} on {day2} and {d} the day after. How many pages in [all|total]?
        The three classes have {a}, {b} and {d} pupils. How many pupils are there [altogether|in all]?
        A meal is ${a}, a drink is ${b} and a dessert is ${d}. [How much is that|What does it all cost|What do you pay for all three]?
        {n} spent ${a} on [shoes|a coat], ${b} on [a hat|socks] and ${d} on [lunch|a book]. How much did {he} spend [altogether|in total]?
        I drove {a} miles, then {b}, then {d}. How far did I drive?
        A [fence|wall|road] has three parts: {a}, {b} and {d} meters. How long is it in all?
        A zoo has {a} monkeys, {b} birds and {d} snakes. How many animals are there in all?
        {a} people were on a bus. {b} got on at the first stop and {d} at the second. Nobody got off. How many were on the bus then?
        {n} scored {a}, {b} and {d} points in three games. What was {his} total?
        In a vase are {a} roses, in another {b}, and in a third one {d}. How many roses are there?
        [The hens|Our ducks] laid {a} eggs on {day}, {b} on {day2}, and {d} the next day. How many eggs were laid?
        A shop sold {a} {ts} in the morning, {b} at noon and {d} in the evening. How many {ts} did it sell that day?
        It takes {a} minutes to walk to the bus, {b} minutes on the bus and {d} minutes from the stop to school. How long is the whole trip?
        Three parcels weigh {a}, {b} and {d} pounds. What is their weight together?
        {n} gave {a} {ts} to {o}, {d} to {q}, and kept {b}. How many {ts} did {n} have at first?
        {n} lost {b} {ts}, then {d} more, and has {a} left. How many {ts} were there at the start?
        {n} saved ${a} in May, ${b} in June and ${d} in July. How much is that [altogether|in total|]?
        We had {a} chairs, borrowed {b} and rented {d}. How many chairs do we have now?
        My brother ate {a} grapes, my sister {b}, and I ate {d}. How many grapes were eaten?
        A tank has {a} liters. We add {b} liters and later {d} liters. How many liters are in it now?
        There are {a} boys, {b} girls and {d} teachers on a trip. How many people is that?
        Two friends and I picked berries: {a}, {b} and {d} [cups|pounds]. How much did we pick?
        Suppose {a} {ts} are red, {b} are blue and the other {d} are yellow. How many {ts} are there in all?
    """),
    ),
    # an addend that is written as a word: a dozen, one, a week, an hour
    Relation(
        ("a + 12",),
        {"a": (1, 100)},
        lines("""
        {n} has {a} [eggs|rolls|muffins] and buys a dozen more. How many does {he} have now?
        [There are|We have] {a} {ts}. {n} brings a dozen more. How many {ts} are there now?
        How many months are there in a year and {a} months?
        I am {a}, and my cousin is twelve years older. How old is my cousin?
    """),
    ),
    Relation(
        ("a + 7",),
        {"a": (1, 90)},
        lines("""
        A seed came up after {a} days and bloomed a week later. How many days is that from sowing to bloom?
        {n} stayed at the sea for {a} days and then for another week. How many days did {he} stay?
        The trip was to last {a} days but was made a week longer. How many days did it last?
    """),
    ),
    Relation(
        ("a + 60",),
        {"a": (1, 59)},
        lines("""
        How many minutes are [there in |]an hour and {a} minutes?
        A [film|match|trip] lasts one hour and {a} minutes. How many minutes is that?
        {n} [slept|worked|read] for {a} minutes and later for an hour. For how many minutes was that?
        {n} needs an hour for {his} homework and {a} minutes to tidy up. How many minutes [in all|altogether]?
    """),
    ),
    Relation(
        ("a + 1",),
        {"a": (2, 100)},
        lines("""
        {n} has {a} {ts} and finds one more. How many does {he} have now?
        There are {a} people at the party, and then {n} comes too. How many people are there now?
        There are {a} [calves|foals|pigs] on the farm, and one more is born. How many is that?
        What number comes [right|just] after {a}?
        Today {n} is {a} years old. How old will {he} be next year?
    """),
    ),
)
